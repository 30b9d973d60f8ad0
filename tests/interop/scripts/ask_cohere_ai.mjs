// Ask with cohere-ai: `v1` or `v2`, and the name the package is installed under.
import { BASE, play } from "./play.mjs";

const [version, name] = process.argv.slice(2);
const { CohereClient, CohereClientV2 } = await import(name);

await play(async ({ key, model, query, documents, topN }) => {
  const Client = version === "v1" ? CohereClient : CohereClientV2;
  const client = new Client({ token: key, environment: BASE });
  const asked = { model, query, documents, topN };
  if (version === "v1") asked.returnDocuments = true;
  const { results } = await client.rerank(asked);
  return results.map((r) => [r.index, r.relevanceScore, r.document?.text ?? null]);
});
