// The built-in misbehaving upstream over real sockets: each fault is really seen on the wire, and
// what came is counted exactly.
#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/integration/cli_fixture.h"
#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

// The real command on a port of its own.
class Mock {
 public:
  explicit Mock(const std::vector<std::string>& flags = {})
      : process_(words(flags), {.folder = folder_.path("")}) {
    const std::string before = "http://127.0.0.1:";
    if (!eventually([&] { return output().find('\n') != std::string::npos; }))
      give_up("the mock does not start: {}", process_.standard_error());
    port_ = static_cast<std::uint16_t>(
        std::stoul(output().substr(output().find(before) + before.size())));
  }
  ~Mock() {
    if (!process_.exit_code()) process_.signal(SIGTERM);
    EXPECT_EQ(process_.wait_exit(), 0);
    EXPECT_EQ(process_.standard_error(), "");
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] std::string output() const { return process_.standard_output(); }
  Response fetch(const Request& request) { return Client(port_).fetch(request); }
  nlohmann::json ledger() { return nlohmann::json::parse(fetch(get("/mock/requests")).body); }

 private:
  static std::vector<std::string> words(const std::vector<std::string>& flags) {
    std::vector<std::string> all = {OUTRIGGER_BINARY, "mock", "--listen", "127.0.0.1:0"};
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
  }
  TemporaryFolder folder_;
  Process process_;
  std::uint16_t port_ = 0;
};

Request message(const std::string& fault, const std::string& body = R"({"stream":true})") {
  return post("/v1/messages", body, {{"mock-fault", fault}, {"content-type", "application/json"}});
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
  return found;
}

class MockWire : public ::testing::TestWithParam<Http> {
 protected:
  Client client() { return Client(mock.port(), {.http = GetParam()}); }
  [[nodiscard]] bool h2() const { return GetParam() == Http::k2; }
  Mock mock;
};

INSTANTIATE_TEST_SUITE_P(, MockWire, ::testing::Values(Http::k1, Http::k2),
                         [](const auto& info) { return info.param == Http::k2 ? "h2" : "h1"; });

TEST_P(MockWire, AnswersWellWhenNothingIsSaid) {
  Client one = client();
  const Response answer = one.fetch(message(""));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(count(answer.body, "text_delta"), 8u);
  EXPECT_NE(answer.body.find("message_stop"), std::string::npos);
  EXPECT_EQ(one.fetch(get("/v1/models")).status, 200) << "the connection is kept";
}

TEST_P(MockWire, EndsStreamsAsTold) {
  struct Row {
    std::string fault;
    bool complete;
    std::size_t deltas;
    std::string h1_failure;
  };
  const std::vector<Row> rows = {
      {"cut=3", true, 3, ""},
      {"cut=start", true, 0, ""},
      {"no-terminator", true, 8, ""},
      {"error-event=overloaded_error@2", true, 2, ""},
      {"break=3", false, 3, "the connection was closed"},
      {"abort=3", false, 3, "the connection was reset"},
      {"break=start", false, 0, "the connection was closed"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.fault);
    const Response answer = client().fetch(message(row.fault));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.complete, row.complete) << answer.failure;
    EXPECT_EQ(count(answer.body, "text_delta"), row.deltas);
    EXPECT_EQ(answer.body.find("message_stop"), std::string::npos);
    if (!h2()) EXPECT_EQ(answer.failure, row.h1_failure);
    if (h2() && !row.complete) EXPECT_EQ(answer.reset_code, 2u);  // INTERNAL_ERROR
  }
}

TEST_P(MockWire, DoesNotAnswerAsTold) {
  struct Row {
    std::string fault, h1_failure;
  };
  for (const Row& row : std::vector<Row>{{"reset", "the connection was reset"},
                                         {"close", "the connection was closed"},
                                         {"half-head", "the connection was closed"}}) {
    SCOPED_TRACE(row.fault);
    const Response answer = client().fetch(message(row.fault));
    EXPECT_EQ(answer.status, 0);
    EXPECT_FALSE(answer.complete);
    if (!h2()) EXPECT_EQ(answer.failure, row.h1_failure);
    if (h2() && row.fault == "reset") EXPECT_EQ(answer.reset_code, 2u);
  }
}

TEST_P(MockWire, SaysTooLittleAsTold) {
  const Response answer = client().fetch(message("truncate=50%", "{}"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
  const std::size_t promised = std::stoul(value_of(answer.headers, "content-length"));
  EXPECT_EQ(answer.body.size(), promised / 2);
}

TEST_P(MockWire, AnswersWrongUnder200AsTold) {
  struct Row {
    std::string fault, type;
  };
  for (const Row& row : std::vector<Row>{{"malformed", "application/json"},
                                         {"html", "text/html; charset=utf-8"},
                                         {"empty", "application/json"}}) {
    SCOPED_TRACE(row.fault);
    const Response answer = client().fetch(message(row.fault, "{}"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete) << answer.failure;
    EXPECT_EQ(value_of(answer.headers, "content-type"), row.type);
    EXPECT_TRUE(nlohmann::json::parse(answer.body, nullptr, false).is_discarded());
  }
}

TEST_P(MockWire, FailsInTheProvidersWords) {
  const Response answer =
      client().fetch(message("status=529;retry-after=3;header=x-should-retry:true"));
  EXPECT_EQ(answer.status, 529);
  EXPECT_EQ(value_of(answer.headers, "retry-after"), "3");
  EXPECT_EQ(value_of(answer.headers, "x-should-retry"), "true");
  EXPECT_EQ(nlohmann::json::parse(answer.body)["error"]["type"], "overloaded_error");
}

TEST_P(MockWire, SendsAnInterimAnswerFirst) {
  const Response answer = client().fetch(message("interim=103"));
  ASSERT_EQ(answer.interim.size(), 1u);
  EXPECT_EQ(answer.interim[0].status, 103);
  EXPECT_EQ(answer.status, 200);
}

TEST_P(MockWire, AnswersBeforeTheBodyAsTold) {
  Client one = client();
  const auto call = one.start(post("/v1/messages", "", {{"mock-fault", "early;status=413"}}));
  EXPECT_EQ(call->read_head().status, 413);
}

TEST_P(MockWire, NotesAClientThatLeaves) {
  for (const std::string fault : {"hang", "stall=1", "delay=10m", "first-event-delay=10m"}) {
    SCOPED_TRACE(fault);
    mock.fetch(post("/mock/reset", ""));
    Client one = client();
    const auto call = one.begin(message(fault));
    if (fault == "stall=1") call->read_until("text_delta");
    ASSERT_TRUE(eventually([&] { return mock.ledger()["open"] == 1; }));
    call->cancel();
    EXPECT_TRUE(eventually([&] { return mock.ledger()["open"] == 0; }));
    const nlohmann::json hit = mock.ledger()["requests"][0];
    EXPECT_EQ(hit["client_gone"], true) << hit;
    EXPECT_EQ(hit["outcome"], "client_gone");
  }
}

TEST_P(MockWire, CountsWhatCameByPathKeyAndBody) {
  Client one = client();
  for (const int expected : {503, 503, 200}) {
    Request request = message("fail-first=2:503");
    request.headers.emplace_back("mock-key", "k");
    request.headers.emplace_back("x-stainless-retry-count", "1");
    EXPECT_EQ(one.fetch(request).status, expected);
  }
  const nlohmann::json ledger = mock.ledger();
  EXPECT_EQ(ledger["total"], 3);
  EXPECT_EQ(ledger["by_path"]["/v1/messages"], 3);
  EXPECT_EQ(ledger["by_key"]["k"], 3);
  EXPECT_EQ(ledger["requests"][0]["body_hash"], ledger["requests"][2]["body_hash"]);
  EXPECT_EQ(ledger["requests"][0]["http"], h2() ? "2" : "1.1");
  EXPECT_EQ(ledger["requests"][0]["retry_count"], "1");
  EXPECT_EQ(mock.fetch(post("/mock/reset", "")).status, 204);
  EXPECT_EQ(mock.ledger()["total"], 0);
}

TEST(Mock, AnswersWithWhatIsNotHttp) {
  Mock mock;
  Client client(mock.port());
  client.send_raw("GET / HTTP/1.1\r\nHost: a\r\nMock-Fault: junk\r\n\r\n");
  std::string bytes;
  client.channel().read(bytes);
  EXPECT_FALSE(bytes.empty());
  EXPECT_FALSE(bytes.starts_with("HTTP/"));
}

TEST(Mock, TakesANewScriptAndRefusesAWrongOne) {
  Mock mock;
  EXPECT_EQ(mock.fetch(post("/mock/script", "- {times: 2, fault: status=503}\n")).status, 204);
  for (const int expected : {503, 503, 200}) EXPECT_EQ(mock.fetch(get("/a")).status, expected);
  const Response wrong = mock.fetch(post("/mock/script", "- {fault: staus=1}\n"));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("script:1:11: error"), std::string::npos) << wrong.body;
  EXPECT_EQ(mock.fetch(get("/mock/other")).status, 404);
}

TEST(Mock, EndsAtOnceAndSaysWhatItCounted) {
  Mock mock({"--fault", "status=503"});
  EXPECT_EQ(mock.fetch(get("/a")).status, 503);
  Client client(mock.port());
  const auto call = client.begin(get("/b", {{"mock-fault", "hang"}}));
  ASSERT_TRUE(eventually([&] { return mock.ledger()["open"] == 1; }));
  mock.process().signal(SIGTERM);
  EXPECT_EQ(mock.process().wait_exit(), 0);
  EXPECT_NE(mock.output().find("GET /a  status=503 -> 503 complete\n"), std::string::npos)
      << mock.output();
  EXPECT_NE(mock.output().find("2 requests: 1 complete\n"), std::string::npos) << mock.output();
}

TEST(Mock, IsAnUpstreamOfTheRealProxy) {
  Mock mock;
  // The mock outlives the proxy, and the proxy keeps its connections to it.
  TestProxy proxy(ProxyConfig().upstream("up", "http://127.0.0.1:" + std::to_string(mock.port())),
                  {.check_descriptors = false});
  EXPECT_EQ(proxy.fetch(post("/up/v1/messages?mock=status=529", "{}")).status, 529);
  const Response whole = proxy.fetch(post("/up/v1/messages", R"({"stream":true})"));
  EXPECT_TRUE(whole.complete);
  EXPECT_EQ(count(whole.body, "text_delta"), 8u);
  const Response broken =
      proxy.fetch(post("/up/v1/messages", R"({"stream":true})", {{"mock-fault", "break=3"}}));
  EXPECT_FALSE(broken.complete) << "an answer that broke must not look whole";
}

using MockCli = Cli;

TEST_F(MockCli, MistakesAreToldBeforeItListens) {
  struct Row {
    Words words;
    int code;
    std::string says;
  };
  const std::vector<Row> rows = {
      {{"mock", "--fault", "staus=503"},
       2,
       "there is no fault \"staus\"; did you mean \"status\"?"},
      {{"mock", "--listen", "4179"}, 2, "\"4179\" is not an address"},
      {{"mock", "--script", "none.yaml"}, 1, "cannot read none.yaml: No such file"},
      {{"mock", "--script", write("bad.yaml", "- {fault: reset, tims: 2}\n")},
       3,
       "bad.yaml:1:18: error OUT-110: unknown key \"tims\" in a script"},
  };
  for (const Row& row : rows) {
    const Output output = outrigger(row.words);
    EXPECT_EQ(output.code, row.code) << row.says;
    EXPECT_NE(output.err.find(row.says), std::string::npos) << output.err;
  }
}

TEST_F(MockCli, ListsItsFaults) {
  const Output output = outrigger({"mock", "--faults"});
  EXPECT_EQ(output.code, 0);
  for (const char* word : {"status=CODE", "fail-first=N:FAILURE", "no-terminator", "abort=N"})
    EXPECT_NE(output.out.find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace outrigger::test
