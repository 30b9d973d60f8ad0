// What every Node.js client is asked, and what it saw, as one JSON object on standard output.

export const BASE = process.env.SERVICE_URL;
const EXAMPLE = JSON.parse(process.env.SERVICE_EXAMPLE);
const CALL = { key: process.env.SERVICE_KEY, ...EXAMPLE };

const CALLS = {
  order: {},
  top_n: { topN: 2 },
  objects: { documents: EXAMPLE.documents.map((text) => ({ source: "encyclopedia", text })) },
  bad_key: { key: "no-such-key" },
  unknown_model: { model: "nobody" },
  bad_body: { query: ["not", "a", "text"] },
  out_of_range: { query: " " },
};

// Make every call, and print what came of each. `ask` returns rows of index, score, and the document's text or null.
export async function play(ask) {
  const seen = {};
  for (const [name, changes] of Object.entries(CALLS)) {
    try {
      seen[name] = { rows: await ask({ ...CALL, ...changes }) };
    } catch (error) {
      const text = [error.message, JSON.stringify(error.body)].join(" ");
      seen[name] = { error: error.constructor.name, text };
    }
  }
  console.log(JSON.stringify(seen));
}
