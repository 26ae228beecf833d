// What the HTTP/1 codec costs alone: parsing and writing the heads of a typical LLM call, chunk
// lines, and an event stream. Prints; asserts nothing. architecture 11 has the figures of other
// parsers.
#include <benchmark/benchmark.h>

#include <string>

#include "proxy/http/h1_chunked.h"
#include "proxy/http/h1_parser.h"
#include "proxy/http/h1_serializer.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/sse_parser.h"

namespace outrigger::http {
namespace {

constexpr std::string_view kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: api.openai.com\r\n"
    "Accept: application/json\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: OpenAI/JS 4.104.0\r\n"
    "X-Stainless-Lang: js\r\n"
    "X-Stainless-OS: Linux\r\n"
    "Authorization: Bearer sk-proj-abcdefghijklmnopqrstuvwxyz0123456789\r\n"
    "Accept-Encoding: gzip,deflate\r\n"
    "Connection: keep-alive\r\n"
    "Content-Length: 1234\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Tue, 01 Jul 2025 12:00:00 GMT\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Connection: keep-alive\r\n"
    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    "x-ratelimit-remaining-tokens: 149999\r\n"
    "cache-control: no-cache\r\n"
    "\r\n";

Slice literal(std::string_view text) {
  return Slice::literal(text);
}

void ParseRequest(benchmark::State& state) {
  RequestParser parser({});
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(kRequest));
    benchmark::DoNotOptimize(parser.take(literal(kRequest)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kRequest.size()));
}
BENCHMARK(ParseRequest);

void ParseResponse(benchmark::State& state) {
  ResponseParser parser({});
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(kResponse));
    benchmark::DoNotOptimize(parser.take(literal(kResponse)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kResponse.size()));
}
BENCHMARK(ParseResponse);

// The whole way of a request head through the proxy's codec.
void ParseFrameStripWrite(benchmark::State& state) {
  const Via via("outrigger-0123456789ab");
  RequestParser parser({});
  Buffer out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(kRequest));
    RequestHead head = parser.take(literal(kRequest));
    const auto framing = request_framing(head);
    remove_hop_by_hop(head.headers);
    via.append_to(head.headers, head.version);
    out.clear();
    benchmark::DoNotOptimize(write_request(out, head, *framing, ConnectionOption::kKeepAlive));
  }
}
BENCHMARK(ParseFrameStripWrite);

void WriteResponse(benchmark::State& state) {
  ResponseParser parser({});
  parser.parse(kResponse);
  const ResponseHead head = parser.take(literal(kResponse));
  Buffer out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(write_response(out, head, {BodyFraming::Kind::kChunked, 0},
                                            ConnectionOption::kKeepAlive, Version::kHttp11));
  }
}
BENCHMARK(WriteResponse);

void DecodeChunks(benchmark::State& state) {
  const std::string chunk = "c8\r\n" + std::string(200, 'x') + "\r\n";
  std::string body;
  for (int i = 0; i < 64; ++i) body += chunk;
  body += kLastChunk;
  for (auto _ : state) {
    ChunkedDecoder decoder({});
    std::string_view in = body;
    std::string_view data;
    while (decoder.next(in, data) == ChunkedDecoder::Event::kData) benchmark::DoNotOptimize(data);
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(DecodeChunks);

void ParseEvents(benchmark::State& state) {
  const std::string event =
      "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,"
      "\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";
  std::string stream;
  for (int i = 0; i < 64; ++i) stream += event;
  for (auto _ : state) {
    SseParser parser;
    std::string_view in = stream;
    while (parser.next(in) == SseParser::Got::kBlock) benchmark::DoNotOptimize(parser.event().data);
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(ParseEvents);

}  // namespace
}  // namespace outrigger::http
