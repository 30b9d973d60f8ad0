// Ask with the AI SDK and its provider for Cohere.
import { createCohere } from "@ai-sdk/cohere";
import { rerank } from "ai";
import { BASE, play } from "./play.mjs";

await play(async ({ key, model, query, documents, topN }) => {
  const cohere = createCohere({ apiKey: key, baseURL: `${BASE}/v2` });
  const { ranking } = await rerank({ model: cohere.reranking(model), query, documents, topN });
  return ranking.map((r) => [r.originalIndex, r.score, r.document.text ?? r.document]);
});
