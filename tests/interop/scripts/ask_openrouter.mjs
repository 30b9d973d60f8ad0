// Ask with OpenRouter's SDK.
import { OpenRouter } from "@openrouter/sdk";
import { BASE, play } from "./play.mjs";

await play(async ({ key, model, query, documents, topN }) => {
  const client = new OpenRouter({ apiKey: key, serverURL: `${BASE}/api/v1` });
  const { results } = await client.rerank.rerank({ requestBody: { model, query, documents, topN } });
  return results.map((r) => [r.index, r.relevanceScore, r.document.text]);
});
