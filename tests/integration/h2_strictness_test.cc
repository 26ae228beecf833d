// HTTP/2 clients that break the protocol or abuse it (RFC 9113; architecture 10): the stream is
// reset or the connection closed, the upstream sees nothing wrong, and others are served as before.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/integration/parties.h"
#include "tests/support/h2_frames.h"

namespace outrigger::test {
namespace {

using namespace frame_type;
using namespace frame_flag;

// A client that speaks frames. Its SETTINGS are sent; what comes is read by `reader`.
struct FrameClient {
  explicit FrameClient(std::uint16_t port)
      : channel(connect_channel(port, {.http = Http::k2})), reader(channel) {
    channel.write(std::string(kH2Preface) + h2_frame(kSettings, 0, 0));
  }

  // False when the proxy has closed.
  bool send(std::string_view bytes) { return channel.write(bytes); }
  bool open(std::uint32_t stream, const Fields& fields,
            std::uint8_t flags = kEndHeaders | kEndStream) {
    return send(h2_frame(kHeaders, flags, stream, hpack_literals(fields)));
  }

  // How the proxy reacted: "GOAWAY n", "RST_STREAM n", ":status" of a head, or "closed".
  std::string reaction() {
    H2FrameReader::Frame frame;
    for (;;) {
      switch (reader.next(frame)) {
        case H2FrameReader::Got::kEnd:
          return "closed";
        case H2FrameReader::Got::kTimeout:
          return "nothing";
        case H2FrameReader::Got::kFrame:
          break;
      }
      if (frame.type == kGoaway) return fmt::format("GOAWAY {}", int{frame.payload[7]});
      if (frame.type == kRstStream) return fmt::format("RST_STREAM {}", int{frame.payload[3]});
      if (frame.type == kHeaders) return "HEADERS";
    }
  }

  Channel channel;
  H2FrameReader reader;
};

struct Row {
  const char* name;
  std::vector<std::string> allowed;  // reactions
  std::function<void(FrameClient&)> act;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

Fields plus(Fields fields, std::pair<std::string, std::string> field) {
  fields.push_back(std::move(field));
  return fields;
}

// A request whose head is malformed: a stream error, or an answer of 400.
Row malformed(const char* name, Fields fields) {
  return {
      name, {"RST_STREAM 1", "HEADERS"}, [fields](FrameClient& client) { client.open(1, fields); }};
}

// A connection error.
Row broken(const char* name, std::string frames, std::vector<std::string> allowed) {
  allowed.push_back("closed");
  return {name, allowed, [frames](FrameClient& client) { client.send(frames); }};
}

std::vector<Row> rows() {
  const Fields ok = h2_get("/up/p");
  return {
      malformed("UpperCaseName", plus(ok, {"X-Upper", "1"})),
      malformed("ConnectionField", plus(ok, {"connection", "close"})),
      malformed("TransferEncodingField", plus(ok, {"transfer-encoding", "chunked"})),
      malformed("KeepAliveField", plus(ok, {"keep-alive", "timeout=5"})),
      malformed("TeOtherThanTrailers", plus(ok, {"te", "gzip"})),
      malformed("UnknownPseudoField", plus(ok, {":unknown", "1"})),
      malformed("PseudoFieldAfterOthers",
                {{":method", "GET"}, {"x-a", "1"}, {":scheme", "http"}, {":path", "/up/p"}}),
      malformed("NoPath", {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}}),
      malformed("EmptyPath", h2_get("")),
      malformed("PathWithoutSlash", h2_get("up/p")),
      malformed("TwoPaths", plus(ok, {":path", "/up/q"})),
      malformed("NoMethod", {{":scheme", "http"}, {":path", "/up/p"}, {":authority", "h"}}),
      malformed("LineBreakInValue", plus(ok, {"x-a", "1\r\nx-b: 2"})),
      malformed("NulInValue", plus(ok, {"x-a", std::string("1\0", 2)})),
      malformed("LineBreakInPath", h2_get("/up/p HTTP/1.1\r\nX: y")),
      malformed("SpaceInPath", h2_get("/up/p x")),
      malformed("HostDiffersFromAuthority", plus(ok, {"host", "other"})),
      malformed("ContentLengthWithoutBody", plus(ok, {"content-length", "5"})),
      malformed("TwoContentLengths",
                plus(plus(ok, {"content-length", "0"}), {"content-length", "1"})),
      broken("DataOnStreamZero", h2_frame(kData, 0, 0, "x"), {"GOAWAY 1"}),
      broken("HeadersOnEvenStream",
             h2_frame(kHeaders, kEndHeaders | kEndStream, 2, hpack_literals(ok)), {"GOAWAY 1"}),
      broken("DataOnIdleStream", h2_frame(kData, 0, 1, "x"), {"GOAWAY 1", "GOAWAY 5"}),
      broken("BadHpack",
             h2_frame(kHeaders, kEndHeaders | kEndStream, 1, "\xff\xff\xff\xff\xff\xff"),
             {"GOAWAY 9"}),
      broken("FrameAboveMaximumSize", h2_frame(kData, 0, 1, std::string(20'000, 'x')),
             {"GOAWAY 6", "GOAWAY 1"}),
      broken(
          "InterleavedHeaderBlock",
          h2_frame(kHeaders, kEndStream, 1, hpack_literals(ok)) + h2_frame(kPing, 0, 0, "12345678"),
          {"GOAWAY 1"}),
      broken("SettingsOfWrongSize", h2_frame(kSettings, 0, 0, "12345"), {"GOAWAY 6"}),
      broken("PushFromClient", h2_frame(kPushPromise, kEndHeaders, 1, big_endian_32(2)),
             {"GOAWAY 1"}),
      broken("WindowOverflow", h2_frame(kWindowUpdate, 0, 0, big_endian_32(0x7fffffff)),
             {"GOAWAY 3"}),
      broken("WindowUpdateOfZero", h2_frame(kWindowUpdate, 0, 0, big_endian_32(0)), {"GOAWAY 1"}),
  };
}

class H2Refuses : public OneUpstream, public ::testing::WithParamInterface<Row> {};

TEST_P(H2Refuses, BeforeTheUpstreamSeesAnything) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  GetParam().act(client);
  const std::string seen = client.reaction();
  EXPECT_NE(std::ranges::find(GetParam().allowed, seen), GetParam().allowed.end()) << seen;
  EXPECT_EQ(upstream.connections(), 0U);
  EXPECT_EQ(proxy.health("/readyz").status, 200);
}

INSTANTIATE_TEST_SUITE_P(All, H2Refuses, ::testing::ValuesIn(rows()),
                         [](const auto& info) { return info.param.name; });

class H2Abuse : public OneUpstream {
 protected:
  // Sends `frames(i)` again and again; true when the proxy ends the connection within `most`
  // rounds.
  static bool stopped(FrameClient& client, int most,
                      const std::function<std::string(int)>& frames) {
    for (int i = 0; i < most; ++i) {
      if (!client.send(frames(i))) return true;
      std::string answer;
      while (client.channel.try_read(answer) == Channel::Status::kDone) answer.clear();
    }
    return client.channel.wait_for_end(Deadline(3s));
  }

  void expect_others_are_served(Proxy& proxy) {
    upstream.expect("GET /other").reply(200, "fine");
    EXPECT_EQ(proxy.fetch(get("/up/other")).body, "fine");
  }
};

TEST_F(H2Abuse, RapidResetEndsTheConnection) {
  upstream.expect("GET /p").always().hang();
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  const std::string head = hpack_literals(h2_get("/up/p"));
  EXPECT_TRUE(stopped(client, 3000, [&](int i) {
    const auto stream = static_cast<std::uint32_t>(2 * i + 1);
    return h2_frame(kHeaders, kEndHeaders | kEndStream, stream, head) +
           h2_frame(kRstStream, 0, stream, big_endian_32(8));
  }));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, ResetsThatTheProxyIsMadeToSendCountToo) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  const std::string bad = hpack_literals(plus(h2_get("/up/p"), {"connection", "x"}));
  EXPECT_TRUE(stopped(client, 3000, [&](int i) {
    return h2_frame(kHeaders, kEndHeaders | kEndStream, static_cast<std::uint32_t>(2 * i + 1), bad);
  }));
  EXPECT_EQ(upstream.connections(), 0U);
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, ContinuationFloodEndsTheConnection) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  const std::uint64_t before = proxy.process().resident_bytes();
  client.send(h2_frame(kHeaders, kEndStream, 1, hpack_literals(h2_get("/up/p"))));
  EXPECT_TRUE(stopped(client, 2000, [](int) {
    return h2_frame(kContinuation, 0, 1, hpack_literals({{"x-a", std::string(10'000, 'a')}}));
  }));
  EXPECT_LT(proxy.process().resident_bytes(), before + (8 << 20));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, EmptyContinuationFloodEndsTheConnection) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  client.send(h2_frame(kHeaders, kEndStream, 1, hpack_literals(h2_get("/up/p"))));
  EXPECT_TRUE(stopped(client, 5000, [](int) { return h2_frame(kContinuation, 0, 1); }));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, PingFloodEndsTheConnection) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  EXPECT_TRUE(stopped(client, 20'000, [](int) { return h2_frame(kPing, 0, 0, "12345678"); }));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, SettingsFloodEndsTheConnection) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  EXPECT_TRUE(stopped(client, 20'000, [](int) { return h2_frame(kSettings, 0, 0); }));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, EmptyDataFloodEndsTheConnection) {
  upstream.expect("POST /p").always().hang();
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  Fields head = h2_get("/up/p");
  head[0].second = "POST";
  client.open(1, head, kEndHeaders);
  EXPECT_TRUE(stopped(client, 20'000, [](int) { return h2_frame(kData, 0, 1); }));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, PriorityFloodEndsTheConnection) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  EXPECT_TRUE(stopped(client, 20'000, [](int i) {
    return h2_frame(kPriority, 0, static_cast<std::uint32_t>(2 * i + 1), std::string(5, '\0'));
  }));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, FramesWrittenToAClientThatReadsNothingStayBounded) {
  TestProxy proxy(config());
  FrameClient client(proxy.port());
  const std::uint64_t before = proxy.process().resident_bytes();
  for (int i = 0; i < 200'000; ++i) {
    std::string_view rest;
    const std::string ping = h2_frame(kPing, 0, 0, "12345678");
    rest = ping;
    if (client.channel.try_write(rest) != Channel::Status::kDone) break;
  }
  EXPECT_LT(proxy.process().resident_bytes(), before + (16 << 20));
  expect_others_are_served(proxy);
}

TEST_F(H2Abuse, TooManyFieldsAreA431) {
  TestProxy proxy(config());
  Client client(proxy.port(), {.http = Http::k2});
  Request request = get("/up/p");
  for (int i = 0; i < 150; ++i) request.headers.emplace_back(fmt::format("x-{}", i), "v");
  const Response answer = client.fetch(request);
  EXPECT_TRUE(answer.status == 431 || answer.reset_code.has_value()) << answer.status;
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(H2Abuse, StreamsAboveTheLimitAreRefusedAndTheRestServed) {
  upstream.expect("GET /p").always().hang();
  upstream.expect("GET /q").reply(200, "ok");
  TestProxy proxy(config().server("limits: {streams_per_connection: 10}"));
  FrameClient client(proxy.port());
  const std::string head = hpack_literals(h2_get("/up/p"));
  for (std::uint32_t i = 0; i < 11; ++i) {
    client.send(h2_frame(kHeaders, kEndHeaders | kEndStream, 2 * i + 1, head));
  }
  const std::string seen = client.reaction();
  EXPECT_TRUE(seen == "RST_STREAM 7" || seen.starts_with("GOAWAY")) << seen;
  EXPECT_EQ(proxy.fetch(get("/up/q")).body, "ok");
}

}  // namespace
}  // namespace outrigger::test
