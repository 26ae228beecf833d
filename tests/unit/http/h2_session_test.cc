#include "proxy/http/h2_session.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/http/h2_peer.h"

namespace outrigger::http {
namespace {

using test::Fields;
using test::frame;

// A session and the raw peer it talks to, without any I/O.
class H2SessionTest : public testing::Test {
 protected:
  explicit H2SessionTest(H2Role role = H2Role::kServer) {
    settings.role = role;
    peer.skip_preface = role == H2Role::kClient;
  }
  void SetUp() override { session.emplace(settings); }
  void TearDown() override {
    session.reset();
    EXPECT_EQ(Block::live(), 0U);
  }

  Status feed(std::string_view bytes) {
    const Status fed = session->feed(Slice::copy(bytes), now);
    flush();
    return fed;
  }
  void flush() {
    H2Output output;
    (void)session->gather(output, 1 << 20, now);
    for (const std::string_view piece : output.pieces()) peer.add(piece);
    session->written();
  }
  Status hello() {
    return feed(std::string(test::kPreface) + frame(test::kSettings, 0, 0) +
                frame(test::kSettings, test::kAck, 0));
  }
  Status headers(std::int32_t id, const Fields& fields, int flags = test::kEndHeaders) {
    return feed(
        frame(test::kHeaders, static_cast<std::uint8_t>(flags), id, peer.hpack.encode(fields)));
  }
  [[nodiscard]] const test::Frame* last(std::uint8_t type) const {
    for (auto it = peer.frames.rbegin(); it != peer.frames.rend(); ++it) {
      if (it->type == type) return &*it;
    }
    return nullptr;
  }
  H2StreamPtr stream(std::size_t i = 0) { return session->streams().at(i); }

  H2SessionSettings settings;
  std::optional<H2Session> session;
  test::FrameReader peer;
  TimePoint now{1h};
};

constexpr int kWhole = test::kEndHeaders | test::kEndStream;
const Fields kGet{
    {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}};
const Fields kPost{
    {":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}};

Fields with(Fields fields, std::initializer_list<std::pair<std::string, std::string>> more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

TEST_F(H2SessionTest, AnnouncesItsLimits) {  // RFC 9113 6.5, RFC 8441 3
  ASSERT_TRUE(hello());
  ASSERT_FALSE(peer.frames.empty());
  const std::string& payload = peer.frames.front().payload;
  EXPECT_EQ(peer.frames.front().type, test::kSettings);
  for (const std::string& entry : {test::setting(3, 100), test::setting(4, 256 * 1024),
                                   test::setting(6, 65536), test::setting(8, 1)}) {
    EXPECT_NE(payload.find(entry), std::string::npos);
  }
}

TEST_F(H2SessionTest, AnswersWithEndStreamOnTheLastData) {
  ASSERT_TRUE(hello());
  ASSERT_TRUE(headers(1, kGet, kWhole));
  const H2StreamPtr s = stream();
  EXPECT_TRUE(s->opened && s->in_ended && s->head_done);
  ResponseHead head;
  head.status = 200;
  ASSERT_TRUE(session->respond(*s, head, H2Session::Body::kFollows));
  session->send(*s, Slice::literal("hel"));
  session->send(*s, Slice::literal("lo"));
  session->end(*s);
  flush();
  EXPECT_EQ(last(test::kHeaders)->field(":status"), "200");
  EXPECT_EQ(last(test::kData)->payload, "hello");
  EXPECT_EQ(last(test::kData)->flags, test::kEndStream);
  EXPECT_TRUE(s->end_sent);
  EXPECT_EQ(s->session, nullptr);
  EXPECT_EQ(session->live(), 0U);
}

TEST_F(H2SessionTest, SendsTrailersAfterTheBody) {
  ASSERT_TRUE(hello());
  ASSERT_TRUE(headers(1, kGet, kWhole));
  const H2StreamPtr s = stream();
  ASSERT_TRUE(
      session->respond(*s, ResponseHead{200, Version::kHttp2, {}, {}}, H2Session::Body::kFollows));
  session->send(*s, Slice::literal("x"));
  Headers trailers;
  trailers.add("grpc-status", "0");
  session->end(*s, &trailers);
  flush();
  EXPECT_EQ(last(test::kData)->flags, 0);
  EXPECT_EQ(last(test::kHeaders)->field("grpc-status"), "0");
  EXPECT_EQ(last(test::kHeaders)->flags, kWhole);
}

TEST_F(H2SessionTest, KeepsBodiesApartUntilTheyAreRead) {
  ASSERT_TRUE(hello());
  ASSERT_TRUE(headers(1, kPost));
  ASSERT_TRUE(headers(3, kPost));
  ASSERT_TRUE(feed(frame(test::kData, 0, 1, "one") + frame(test::kData, 1, 3, "three") +
                   frame(test::kData, 1, 1, "!")));
  EXPECT_EQ(H2Session::take(*stream(0)).view(), "one");
  EXPECT_EQ(H2Session::take(*stream(0)).view(), "!");
  EXPECT_EQ(H2Session::take(*stream(1)).view(), "three");
  EXPECT_TRUE(stream(0)->in_ended && stream(1)->in_ended);
}

TEST_F(H2SessionTest, GivesCreditBackOnlyForWhatWasRead) {  // RFC 9113 6.9
  ASSERT_TRUE(hello());
  ASSERT_TRUE(headers(1, kPost));
  peer.frames.clear();
  const std::string chunk(16384, 'x');
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(feed(frame(test::kData, 0, 1, chunk)));
  EXPECT_EQ(last(test::kWindowUpdate), nullptr);
  EXPECT_EQ(stream()->in.bytes(), 256U * 1024);
  while (!stream()->in.empty()) (void)H2Session::take(*stream());
  flush();
  ASSERT_NE(last(test::kWindowUpdate), nullptr);
  EXPECT_EQ(last(test::kWindowUpdate)->stream, 1);
}

TEST_F(H2SessionTest, ResetsAStreamThatIgnoresItsWindow) {
  ASSERT_TRUE(hello());
  ASSERT_TRUE(headers(1, kPost));
  const std::string chunk(16384, 'x');
  for (int i = 0; i < 17; ++i) (void)feed(frame(test::kData, 0, 1, chunk));
  ASSERT_NE(last(test::kRstStream), nullptr);
  EXPECT_EQ(last(test::kRstStream)->number(), NGHTTP2_FLOW_CONTROL_ERROR);
}

TEST_F(H2SessionTest, CreditsTheConnectionForWhatNobodyReads) {
  settings.stream_window = 65535;
  settings.connection_window = 65535;
  session.emplace(settings);
  ASSERT_TRUE(hello());
  for (std::int32_t id = 1; id < 20; id += 2) {
    ASSERT_TRUE(headers(id, kPost));
    const H2StreamPtr s = session->streams().back();
    ASSERT_TRUE(feed(frame(test::kData, 0, id, std::string(16384, 'x'))));
    if (id % 4 == 1) H2Session::abandon(*s);
    session->reset(*s, NGHTTP2_CANCEL);
    flush();
    ASSERT_EQ(s->session, nullptr) << id;
  }
  EXPECT_EQ(last(test::kGoaway), nullptr);
}

TEST_F(H2SessionTest, PacksWhatWaitsInSmallPieces) {
  ASSERT_TRUE(hello());
  ASSERT_TRUE(headers(1, kPost));
  session->settle();
  const H2StreamPtr s = stream();
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(feed(frame(test::kData, 0, 1, "x")));
    session->settle();
  }
  EXPECT_EQ(s->in.bytes(), 2000U);
  EXPECT_LT(s->in.size(), 100U);
  std::size_t held = 0;
  for (const Slice& slice : s->in) held += slice.block()->capacity();
  EXPECT_LT(held, 5U * 2000);
}

TEST_F(H2SessionTest, StopsFramingAtTheLimitOfABatch) {
  ASSERT_TRUE(hello());
  ASSERT_TRUE(feed(frame(test::kSettings, 0, 0, test::setting(4, 1 << 20)) +
                   frame(test::kWindowUpdate, 0, 0, test::big_endian(1 << 24, 4))));
  ASSERT_TRUE(headers(1, kGet, kWhole));
  const H2StreamPtr s = stream();
  ASSERT_TRUE(
      session->respond(*s, ResponseHead{200, Version::kHttp2, {}, {}}, H2Session::Body::kFollows));
  session->send(*s, Slice::copy(std::string(500'000, 'x')));
  H2Output output;
  ASSERT_TRUE(session->gather(output, 100'000, now));
  EXPECT_GE(output.size(), 100'000U);
  EXPECT_LT(output.size(), 120'000U);
  EXPECT_TRUE(session->wants_write());
}

struct Malformed {
  const char* source;
  Fields fields;
};

TEST_F(H2SessionTest, ResetsMalformedRequests) {  // RFC 9113 8.1.1: a stream error
  const Malformed rows[] = {
      {"8.2.1 upper-case name", with(kGet, {{"X-A", "1"}})},
      {"8.2.1 CR in value", with(kGet, {{"x", "a\rb"}})},
      {"8.2.1 LF in value", with(kGet, {{"x", "a\nb"}})},
      {"8.2.1 NUL in value", with(kGet, {{"x", std::string("a\0b", 3)}})},
      {"8.2.1 control byte", with(kGet, {{"x",
                                          "a\x01"
                                          "b"}})},
      {"8.2.1 space at the end of a value", with(kGet, {{"x", "a "}})},
      {"8.2.1 colon in name", with(kGet, {{"x:y", "a"}})},
      {"8.2.1 space in name", with(kGet, {{"x y", "a"}})},
      {"8.2.1 empty name", with(kGet, {{"", "a"}})},
      {"8.2.2 connection", with(kGet, {{"connection", "close"}})},
      {"8.2.2 keep-alive", with(kGet, {{"keep-alive", "5"}})},
      {"8.2.2 proxy-connection", with(kGet, {{"proxy-connection", "x"}})},
      {"8.2.2 transfer-encoding", with(kGet, {{"transfer-encoding", "chunked"}})},
      {"8.2.2 upgrade", with(kGet, {{"upgrade", "h2c"}})},
      {"8.2.2 te other than trailers", with(kGet, {{"te", "gzip"}})},
      {"8.3 unknown pseudo", with(kGet, {{":x", "y"}})},
      {"8.3 response pseudo", with(kGet, {{":status", "200"}})},
      {"8.3 pseudo after field",
       {{":method", "GET"},
        {":scheme", "http"},
        {"a", "b"},
        {":path", "/"},
        {":authority", "a.test"}}},
      {"8.3 duplicate :path", with(kGet, {{":path", "/"}})},
      {"8.3 duplicate :method", with(kGet, {{":method", "GET"}})},
      {"8.3.1 no :path", {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}}},
      {"8.3.1 no :method", {{":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}}},
      {"8.3.1 no :scheme", {{":method", "GET"}, {":path", "/"}, {":authority", "a.test"}}},
      {"8.3.1 no authority", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}},
      {"8.5 CONNECT with :path",
       {{":method", "CONNECT"}, {":path", "/"}, {":authority", "a.test:1"}}},
      {"8441 4 :protocol without CONNECT", with(kGet, {{":protocol", "websocket"}})},
      {"8.1.1 two lengths", with(kPost, {{"content-length", "1"}, {"content-length", "1"}})},
      {"8.1.1 bad length", with(kPost, {{"content-length", "+1"}})},
  };
  for (const Malformed& row : rows) {
    session.emplace(settings);
    peer.reset();
    ASSERT_TRUE(hello());
    ASSERT_TRUE(headers(1, row.fields)) << row.source;
    const test::Frame* reset = last(test::kRstStream);
    ASSERT_NE(reset, nullptr) << row.source;
    EXPECT_EQ(reset->number(), NGHTTP2_PROTOCOL_ERROR) << row.source;
    for (const H2StreamPtr& s : session->ready()) EXPECT_FALSE(s->opened) << row.source;
    session->ready().clear();
  }
}

TEST_F(H2SessionTest, HoldsBodiesToTheirContentLength) {  // RFC 9113 8.1.1
  struct Row {
    const char* length;
    const char* body;
    bool fine;
  };
  const Row rows[] = {{"3", "abc", true}, {"3", "ab", false}, {"3", "abcd", false}};
  std::int32_t id = 1;
  ASSERT_TRUE(hello());
  for (const Row& row : rows) {
    ASSERT_TRUE(headers(id, with(kPost, {{"content-length", row.length}})));
    ASSERT_TRUE(feed(frame(test::kData, test::kEndStream, id, row.body)));
    const test::Frame* reset = last(test::kRstStream);
    EXPECT_EQ(reset == nullptr || reset->stream != id, row.fine) << row.body;
    id += 2;
  }
}

TEST_F(H2SessionTest, AnswersAHeadBeyondTheLimitsWithoutKeepingIt) {
  ASSERT_TRUE(hello());
  Fields fields = kGet;
  for (int i = 0; i < 101; ++i) fields.emplace_back("a", "b");
  ASSERT_TRUE(headers(1, fields, kWhole));
  ASSERT_TRUE(stream()->refusal);
  EXPECT_EQ(stream()->refusal->status, 431);
}

TEST_F(H2SessionTest, SurvivesAnHpackBomb) {  // CVE-2016-6581
  ASSERT_TRUE(hello());
  // One 4000 byte value in the table, then 16,000 references to it: 64 MB when decoded.
  const std::string first =
      peer.hpack.encode(kGet) + "\x40\x01x\x7f\xa1\x1e" + std::string(4000, 'v');
  std::string block = first + std::string(16000, '\xbe');
  std::string frames = frame(test::kHeaders, 0, 1, block.substr(0, 16384));
  frames += frame(test::kContinuation, test::kEndHeaders, 1, block.substr(16384));
  const Status fed = feed(frames);
  ASSERT_TRUE(fed) << fed.error().detail;
  ASSERT_EQ(session->live(), 1U) << session->complaint();
  ASSERT_TRUE(stream()->refusal);
  EXPECT_EQ(stream()->refusal->status, 431);
}

struct FloodRow {
  const char* name;
  std::string once;
  int times;
};

TEST_F(H2SessionTest, EndsTheConnectionOnFloods) {  // architecture 10
  const FloodRow rows[] = {
      {"PING", frame(test::kPing, 0, 0, "12345678"), 1100},
      {"SETTINGS", frame(test::kSettings, 0, 0), 1100},
      {"PRIORITY", frame(test::kPriority, 0, 1, std::string("\0\0\0\0\1", 5)), 1100},
      {"unknown frames", frame(0x55, 0, 0, "x"), 1100},
      {"empty DATA", frame(test::kData, 0, 1), 200},
      {"WINDOW_UPDATE", frame(test::kWindowUpdate, 0, 0, test::big_endian(1, 4)), 1300},
  };
  for (const FloodRow& row : rows) {
    session.emplace(settings);
    peer.reset();
    ASSERT_TRUE(hello());
    ASSERT_TRUE(headers(1, kPost));
    Status fed;
    for (int i = 0; i < row.times && fed; ++i) fed = feed(row.once);
    ASSERT_FALSE(fed) << row.name;
    EXPECT_EQ(fed.error().origin, Origin::kClient) << row.name;
    ASSERT_NE(last(test::kGoaway), nullptr) << row.name;
    EXPECT_EQ(last(test::kGoaway)->number(4), NGHTTP2_ENHANCE_YOUR_CALM) << row.name;
    EXPECT_TRUE(session->finished()) << row.name;
  }
}

TEST_F(H2SessionTest, EndsTheConnectionOnRapidReset) {  // CVE-2023-44487
  ASSERT_TRUE(hello());
  Status fed;
  std::int32_t id = 1;
  for (; id < 2000 && fed; id += 2) {
    fed = headers(id, kGet, kWhole);
    if (fed) fed = feed(frame(test::kRstStream, 0, id, test::big_endian(8, 4)));
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(id, 2 * 201 + 1);
  EXPECT_EQ(last(test::kGoaway)->number(4), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(H2SessionTest, EndsTheConnectionOnProvokedResets) {
  ASSERT_TRUE(hello());
  Status fed;
  for (std::int32_t id = 1; id < 2000 && fed && !session->finished(); id += 2) {
    fed = headers(id, with(kGet, {{"te", "gzip"}}), kWhole);
  }
  ASSERT_NE(last(test::kGoaway), nullptr);
  EXPECT_EQ(last(test::kGoaway)->number(4), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(H2SessionTest, EndsTheConnectionOnContinuationFloods) {  // CVE-2024-28182
  ASSERT_TRUE(hello());
  Status fed = feed(frame(test::kHeaders, 0, 1, peer.hpack.encode(kGet)));
  int sent = 0;
  for (; sent < 100 && fed; ++sent)
    fed = feed(frame(test::kContinuation, 0, 1, std::string("\0\1a\1b", 5)));
  ASSERT_FALSE(fed);
  EXPECT_LE(sent, 9);
  EXPECT_EQ(last(test::kGoaway)->number(4), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(H2SessionTest, RefusesStreamsBeyondTheLimit) {  // RFC 9113 5.1.2
  settings.streams = 3;
  session.emplace(settings);
  ASSERT_TRUE(feed(std::string(test::kPreface) + frame(test::kSettings, 0, 0)));
  for (std::int32_t id = 1; id <= 7; id += 2) (void)headers(id, kGet, kWhole);
  // Before the client has acknowledged the limit, the stream alone is refused.
  ASSERT_NE(last(test::kRstStream), nullptr);
  EXPECT_EQ(last(test::kRstStream)->stream, 7);
  EXPECT_EQ(last(test::kRstStream)->number(), NGHTTP2_REFUSED_STREAM);
  EXPECT_EQ(session->live(), 3U);
  (void)feed(frame(test::kSettings, test::kAck, 0));
  EXPECT_TRUE(session->settings_acked());
  (void)headers(9, kGet, kWhole);
  ASSERT_NE(last(test::kGoaway), nullptr);
}

TEST_F(H2SessionTest, RefusesWhatIsNotHttp2) {
  EXPECT_FALSE(feed("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"));
  EXPECT_TRUE(session->finished());
}

TEST_F(H2SessionTest, TakesBytesInAnyPieces) {
  std::string all(test::kPreface);
  all += frame(test::kSettings, 0, 0) +
         frame(test::kHeaders, test::kEndHeaders, 1, peer.hpack.encode(kPost)) +
         frame(test::kData, test::kEndStream, 1, "body");
  for (const char byte : all) ASSERT_TRUE(feed({&byte, 1}));
  EXPECT_TRUE(stream()->opened && stream()->in_ended);
  std::string body;
  while (!stream()->in.empty()) body += H2Session::take(*stream()).view();
  EXPECT_EQ(body, "body");
}

TEST_F(H2SessionTest, KnowsWhenAHeaderBlockIsIncomplete) {
  ASSERT_TRUE(hello());
  const std::string block = peer.hpack.encode(kGet);
  ASSERT_TRUE(feed(frame(test::kHeaders, 0, 1, block.substr(0, 4))));
  EXPECT_TRUE(session->head_open());
  ASSERT_TRUE(feed(frame(test::kContinuation, test::kEndHeaders, 1, block.substr(4))));
  EXPECT_FALSE(session->head_open());
}

class H2ClientSessionTest : public H2SessionTest {
 protected:
  H2ClientSessionTest() : H2SessionTest(H2Role::kClient) {}
  H2StreamPtr get() {
    RequestHead head;
    head.method_text = "GET";
    head.authority = "a.test";
    head.target = "/";
    H2StreamPtr s = *session->request(head, "http", H2Session::Body::kNone);
    flush();
    return s;
  }
  Status settings_frame() { return feed(frame(test::kSettings, 0, 0)); }
};

TEST_F(H2ClientSessionTest, SendsAndReceives) {
  const H2StreamPtr s = get();
  ASSERT_TRUE(settings_frame());
  EXPECT_EQ(last(test::kHeaders)->field(":path"), "/");
  EXPECT_EQ(last(test::kHeaders)->flags, kWhole);
  ASSERT_TRUE(headers(1, {{":status", "103"}, {"link", "x"}}));
  ASSERT_TRUE(headers(1, {{":status", "200"}}));
  ASSERT_TRUE(feed(frame(test::kData, 0, 1, "abc")));
  ASSERT_TRUE(headers(1, {{"grpc-status", "0"}}, kWhole));
  ASSERT_EQ(s->interims.size(), 1U);
  EXPECT_EQ(s->interims[0].status, 103);
  EXPECT_EQ(s->response.status, 200);
  EXPECT_EQ(H2Session::take(*s).view(), "abc");
  ASSERT_NE(s->trailers, nullptr);
  EXPECT_EQ(s->trailers->find("grpc-status")->value, "0");
  EXPECT_FALSE(s->failure);
}

TEST_F(H2ClientSessionTest, MarksStreamsAboveAGoawayAsRefused) {  // RFC 9113 6.8
  const H2StreamPtr first = get();
  const H2StreamPtr second = get();
  ASSERT_TRUE(settings_frame());
  ASSERT_TRUE(feed(frame(test::kGoaway, 0, 0, test::big_endian(1, 4) + test::big_endian(0, 4))));
  EXPECT_FALSE(first->failure);
  ASSERT_TRUE(second->failure);
  EXPECT_EQ(second->failure->reason, "stream_refused");
  EXPECT_TRUE(session->closing());
}

TEST_F(H2ClientSessionTest, AllowsEightInterimResponses) {  // architecture 9.8
  const H2StreamPtr s = get();
  ASSERT_TRUE(settings_frame());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(headers(1, {{":status", "103"}}));
  EXPECT_FALSE(s->failure);
  ASSERT_TRUE(headers(1, {{":status", "103"}}));
  ASSERT_TRUE(s->failure);
  EXPECT_EQ(s->failure->reason, "http_protocol_error");
}

TEST_F(H2ClientSessionTest, TellsACutBodyFromAMissingAnswer) {
  const H2StreamPtr answered = get();
  const H2StreamPtr waiting = get();
  ASSERT_TRUE(settings_frame());
  ASSERT_TRUE(headers(1, {{":status", "200"}}));
  session->abort(
      Error{Errc::kReset, Origin::kUpstream, Phase::kNoConnection, "connection_terminated", {}});
  EXPECT_EQ(answered->failure->reason, "http_response_incomplete");
  EXPECT_EQ(answered->failure->phase, Phase::kAnswered);
  EXPECT_EQ(waiting->failure->reason, "connection_terminated");
}

TEST_F(H2ClientSessionTest, RefusesPush) {
  const H2StreamPtr s = get();
  ASSERT_TRUE(settings_frame());
  const std::string promise = test::big_endian(2, 4) + peer.hpack.encode(kGet);
  (void)feed(frame(test::kPushPromise, test::kEndHeaders, 1, promise));
  ASSERT_NE(last(test::kRstStream), nullptr);
  EXPECT_EQ(last(test::kRstStream)->stream, 2);
  ASSERT_TRUE(feed(frame(test::kSettings, test::kAck, 0)));
  (void)feed(frame(test::kPushPromise, test::kEndHeaders, 1,
                   test::big_endian(2, 4) + peer.hpack.encode(kGet)));
  ASSERT_NE(last(test::kGoaway), nullptr);
}

}  // namespace
}  // namespace outrigger::http
