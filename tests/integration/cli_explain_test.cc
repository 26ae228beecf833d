// `outrigger explain METHOD URL`: a dry run, as a person and a program read it.
#include "tests/integration/cli_fixture.h"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace outrigger::test {
namespace {

constexpr const char* kFile = R"(version: 1
upstreams:
  chat:
    url: https://chat.example.com
    replay: safe
    dialect: openai
    deadline: 2m
    max_request_body: 1MiB
    retry: {max_attempts: 4, backoff: {base: 1s, max: 20s, jitter: equal}}
    circuit_breaker: {key: [model]}
    fallback:
      - {upstream: spare, map_model: {big: small}, if: [overloaded, breaker_open]}
      - {answer: {status: 503, body: '{}'}, if: [overloaded, timeout]}
  spare: {url: https://spare.example.com, dialect: openai}
  erp:
    endpoints: [https://a.example.com/api, https://b.example.com/api]
    shadow: [retry]
    routes:
      - match: {method: POST, path: /invoices}
        replay: verify
        verify: {get: "/invoices?external_id={idempotency-key}"}
        retry: {give_up_status: 424}
)";

class CliExplain : public Cli {
 protected:
  CliExplain() { write("outrigger.yaml", kFile); }

  nlohmann::json json(Words words) {
    words.insert(words.begin(), "explain");
    words.emplace_back("--json");
    const Output output = outrigger(words);
    EXPECT_EQ(output.err, "");
    return nlohmann::json::parse(output.out, nullptr, false);
  }
  static nlohmann::json row(const nlohmann::json& report, const std::string& on) {
    for (const auto& verdict : report.at("verdicts")) {
      if (verdict.at("on") == on) return verdict;
    }
    ADD_FAILURE() << "no row " << on;
    return {};
  }
};

TEST_F(CliExplain, ReadsAsItsGoldenFiles) {
  const std::vector<std::pair<std::string, Words>> pages = {
      {"explain_model.txt",
       {"explain", "POST", "http://127.0.0.1:4170/chat/v1/chat/completions", "-H",
        "Authorization: Bearer sk-secret-1", "-d", R"({"model":"big"})"}},
      {"explain_route.txt",
       {"explain", "POST", "/erp/invoices?key=sk-secret-2", "-H", "Idempotency-Key: 7", "-H",
        "x-stainless-timeout: 30"}},
      {"explain_defaults.txt", {"explain", "GET", "https://spare.example.com/x", "--defaults"}},
      {"explain_json.txt", {"explain", "GET", "/spare/x", "--json"}},
  };
  for (const auto& [name, words] : pages) {
    SCOPED_TRACE(name);
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, 0);
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(output.out.find("sk-secret"), std::string::npos) << "no credential is shown";
    expect_golden(name, output.out);
  }
}

TEST_F(CliExplain, NamesTheUrlThatWasMeant) {
  const Output output = outrigger({"explain", "GET", "/cht/v1/models"});
  EXPECT_EQ(output.code, 1);
  expect_golden("explain_misroute.txt", output.out);
  const auto report = json({"GET", "/cht/v1/models"});
  EXPECT_EQ(report.at("misroute").at("code"), "unknown_path");
  EXPECT_EQ(report.at("misroute").at("suggestion"), "http://127.0.0.1:4170/chat/v1/models");
}

TEST_F(CliExplain, TellsProgramsTheSame) {
  const auto report = json({"POST", "/chat/v1/x", "-d", R"({"model":"big"})"});
  EXPECT_EQ(report.at("route").at("upstream"), "chat");
  EXPECT_EQ(report.at("sent").at("endpoints").at(0), "https://chat.example.com:443");
  EXPECT_EQ(report.at("model").at("name"), "big");
  EXPECT_EQ(report.at("deadline").at("ms"), 120000);
  const auto overloaded = row(report, "overloaded");
  EXPECT_EQ(overloaded.at("retries"), 3);
  EXPECT_EQ(overloaded.at("waits_ms").dump(), "[[500.0,1000.0],[1000.0,2000.0],[2000.0,4000.0]]");
  EXPECT_EQ(overloaded.at("phases").at("P4").at("call"), "failure");
  EXPECT_EQ(overloaded.at("phases").at("P5").at("again"), false);
  EXPECT_EQ(overloaded.at("fallback").at(0).at("model"), "small");
  EXPECT_EQ(overloaded.at("fallback").at(1).at("answer"), true);
  EXPECT_EQ(overloaded.at("answer").at("stop"), "max_attempts");
  EXPECT_EQ(row(report, "breaker_open").at("answer").at("status"), 503);
}

TEST_F(CliExplain, FindsTheWayThatEachUrlTakes) {
  struct Row {
    Words words;
    std::string mode, upstream, target;
  };
  const std::vector<Row> rows = {
      {{"GET", "/chat/v1/models"}, "base_url", "chat", "/v1/models"},
      {{"GET", "http://localhost:4170/erp/orders"}, "base_url", "erp", "/api/orders"},
      {{"GET", "https://chat.example.com/v1/models"}, "forward", "chat", "/v1/models"},
      {{"GET", "HTTP://chat.example.com?x=1"}, "forward", "chat", "/?x=1"},
      {{"GET", "/v1/models", "-H", "Host: chat.example.com"}, "transparent", "chat", "/v1/models"},
      {{"CONNECT", "chat.example.com:443"}, "connect", "chat", ""},
  };
  for (const Row& one : rows) {
    SCOPED_TRACE(one.words.at(1));
    const auto report = json(one.words);
    ASSERT_TRUE(report.contains("route")) << report.dump();
    EXPECT_EQ(report.at("route").at("mode"), one.mode);
    EXPECT_EQ(report.at("route").at("upstream"), one.upstream);
    if (!one.target.empty()) EXPECT_EQ(report.at("sent").at("target"), one.target);
  }
}

TEST_F(CliExplain, SaysWhyARequestMayBeRepeatedOrNot) {
  write("keyed.yaml",
        "version: 1\nupstreams:\n"
        "  keyed: {url: https://a.example.com, replay: keyed}\n"
        "  watched: {url: https://b.example.com, replay: keyed, shadow: [retry]}\n"
        "  bare: {url: https://c.example.com, replay: keyed, retry: none}\n"
        "  plain: {url: https://d.example.com}\n");
  struct Row {
    std::string method, path, header, says;
  };
  const std::vector<Row> rows = {
      {"POST", "/keyed/x", "a: b",
       "keyed added the policy says so, and the proxy adds an "
       "Idempotency-Key"},
      {"POST", "/keyed/x", "Idempotency-Key: 1",
       "keyed sent the policy says so, and the request has an Idempotency-Key"},
      {"POST", "/watched/x", "a: b",
       "keyed would_be_added the policy says so, and the proxy adds an Idempotency-Key"},
      {"POST", "/bare/x", "a: b",
       "unsent none replay is keyed, but the request has no Idempotency-Key; by method: POST is "
       "not idempotent"},
      {"POST", "/plain/x", "a: b", "unsent none by method: POST is not idempotent"},
      {"GET", "/plain/x", "a: b", "safe none by method: GET is idempotent"},
  };
  for (const Row& one : rows) {
    const auto replay =
        json({one.method, one.path, "-H", one.header, "-c", "keyed.yaml"}).at("replay");
    EXPECT_EQ(replay.at("class").get<std::string>() + " " +
                  replay.at("idempotency_key").get<std::string>() + " " +
                  replay.at("because").get<std::string>(),
              one.says);
  }
}

TEST_F(CliExplain, ReadsABodyFromAFileOrStandardInput) {
  write("body.json", R"({"model":"big"})");
  EXPECT_EQ(json({"POST", "/chat/v1/x", "-d", "@body.json"}).at("model").at("name"), "big");
  const Output piped = shell("echo '{\"model\":\"big\"}' | $O explain POST /chat/v1/x -d @-");
  EXPECT_NE(piped.out.find("model       big, from the body\n"), std::string::npos) << piped.out;
  EXPECT_EQ(outrigger({"explain", "POST", "/chat/v1/x", "-d", "@missing"}).code, 1);
}

TEST_F(CliExplain, SaysThatABodyIsTooLarge) {
  write("body.json", "\"" + std::string(1 << 20, 'x') + "\"");
  const Output output = outrigger({"explain", "POST", "/chat/v1/x", "-d", "@body.json"});
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.out.find("refused     413: the body is larger than max_request_body "
                            "(outrigger.yaml:8:23)\n"),
            std::string::npos)
      << output.out;
}

TEST_F(CliExplain, SaysWhatIsWrongAndWhatToWrite) {
  struct Row {
    Words words;
    std::string says;
  };
  const std::vector<Row> rows = {
      {{"POST", "/chat/v1/x", "-H", "nocolon"}, "header \"nocolon\" has no colon: write -H"},
      {{"POST", "/chat/v1/x", "-H", "a b: c"}, "\"a b\" is not the name of a header"},
      {{"POST", "/chat/v1/x", "-d", "{\n \"model\": oops}"},
       "the body is not JSON (line 2, column 11), and this route reads the model from it"},
      {{"POST", "/chat/v1/x", "-d", "{\"model\""}, "it ends in the middle of a value"},
      {{"POST", "/chat/v1/x", "-d", "{} {}"}, "(line 1, column 4)"},
      {{"POST", "/chat/v1/x", "-d", ""}, "it is empty"},
      {{"post", "/chat/v1/x"}, "methods are upper case: write POST"},
      {{"/chat/v1/x", "POST"}, "the method comes first: outrigger explain POST /chat/v1/x"},
      {{"/chat/v1/x"}, "which method? Write outrigger explain POST /chat/v1/x"},
      {{"GET"}, "which URL? Write outrigger explain GET URL"},
      {{"GET", "chat.example.com"}, "is neither a URL nor a path: write http://127.0.0.1:4170/"},
      {{"GET", "ftp://chat.example.com/"}, "is neither a URL nor a path"},
      {{"GET", "https://me@chat.example.com/"}, "leave out what stands before the @"},
      {{"GET", "https://chat.example.com/#top"}, "leave out what begins with #"},
      {{"GET", "/chat/a b"}, "byte 8 of the path must be percent-encoded"},
      {{"CONNECT", "https://chat.example.com"}, "CONNECT asks for host:port"},
      {{"OUT-110", "--json"}, "--json and --defaults belong to a request"},
      {{"OUT-110", "-H", "a: b"}, "-H, -d and -c belong to a request"},
      {{"GET", "/chat/v1/x", "--jsn"}, "there is no option --jsn; did you mean \"--json\"?"},
  };
  for (const Row& one : rows) {
    SCOPED_TRACE(one.says);
    Words words = one.words;
    words.insert(words.begin(), "explain");
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, 2) << output.out;
    EXPECT_EQ(output.out, "");
    EXPECT_NE(output.err.find(one.says), std::string::npos) << output.err;
  }
  // What is not read need not be JSON.
  EXPECT_EQ(outrigger({"explain", "POST", "/erp/x", "-d", "a=b"}).code, 0);
  write("bad.yaml", kMisspelt);
  EXPECT_EQ(outrigger({"explain", "GET", "/x", "-c", "bad.yaml"}).code, 3);
}

TEST_F(CliExplain, WorksWithoutAFile) {
  std::filesystem::remove(folder_.path("outrigger.yaml"));
  const auto report = json({"POST", "/anthropic/v1/messages", "-d", R"({"model":"m"})"});
  EXPECT_EQ(report.at("route").at("upstream"), "anthropic");
  EXPECT_EQ(report.at("replay").at("class"), "safe");
}

}  // namespace
}  // namespace outrigger::test
