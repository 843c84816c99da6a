// The usual calls with Vercel's AI SDK: packages ai, @ai-sdk/openai, @opentelemetry/resources,
// @opentelemetry/sdk-trace-node and @opentelemetry/exporter-trace-otlp-proto.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { embed, generateText, streamText } from "ai";

const base = process.argv[2];
const exporter = new OTLPTraceExporter({ url: `${base}/v1/traces` });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "chat" }),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
provider.register();

const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey: "sk-none" });
const model = openai.chat("gpt-4o-mini");
const prompt = "What is the weather in Paris?";
const parameters = { temperature: 0.2, topP: 0.9, maxOutputTokens: 256, seed: 7 };
const traced = { experimental_telemetry: { isEnabled: true, functionId: "weather" }, maxRetries: 0 };

await generateText({ model, prompt, ...parameters, ...traced });
for await (const _ of streamText({ model, prompt, ...traced }).textStream);
const limited = openai.chat("gpt-4o-ratelimited");
await generateText({ model: limited, prompt: "will fail", ...traced }).catch(() => {});
await embed({ model: openai.embedding("text-embedding-3-small"), value: "hello", ...traced });
await generateText({ model: openai.responses("gpt-4.1-mini"), prompt: "hello", ...traced });
await provider.shutdown();
