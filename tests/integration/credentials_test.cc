// The proxy's own keys over real sockets: agents that hold none, pools of keys, and no key anywhere
// but on the way to the upstream.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kFirst = "sk-test-aaaaaaaaaaaaaaaaaaaaAAAA";
constexpr const char* kSecond = "sk-test-bbbbbbbbbbbbbbbbbbbbBBBB";
const std::string kPool =
    fmt::format("credentials: {{keys: [{}, {}]}}, {}", kFirst, kSecond, kThreeAttempts);

class Keys : public Scenario {
 protected:
  // Which key each request to the upstream carried, in order: "A B B".
  [[nodiscard]] std::string used() const {
    std::string keys;
    for (const Request& request : upstream.requests()) {
      const std::string value = value_of(request.headers, "authorization");
      if (!keys.empty()) keys += " ";
      keys += value.starts_with("Bearer sk-test-") ? value.substr(value.size() - 1) : "?";
    }
    return keys;
  }
  // An agent that holds no key: libraries insist on some text.
  Response ask_as_agent(const std::string& path = "/up/p") {
    return ask(llm_request(path, "unused", R"({"model":"m"})"));
  }
};
INSTANTIATE_TEST_SUITE_P(, Keys, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(Keys, StandInThePlaceOfTheClients) {
  upstream.expect("POST /p").reply(200, "well");
  serve(kPool);
  Request request = llm_request("/up/p", "unused");
  request.headers.emplace_back("x-api-key", "clients");
  request.headers.emplace_back("x-goog-api-key", "clients");
  EXPECT_EQ(ask(request).status, 200);
  const Fields headers = upstream.requests().at(0).headers;
  EXPECT_EQ(values_of(headers, "authorization"),
            std::vector<std::string>{std::string("Bearer ") + kFirst});
  EXPECT_EQ(find(headers, "x-api-key"), nullptr);
  EXPECT_EQ(find(headers, "x-goog-api-key"), nullptr);
}

TEST_P(Keys, AThrottledOneIsFollowedByTheNextAtOnce) {
  upstream.expect("POST /p").reply(429, "slow down", {{"retry-after", "3600"}});
  upstream.expect("POST /p").times(4).reply(200, "well");
  serve(kPool);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask_as_agent().body, "well");
  EXPECT_EQ(used(), "A B B B B");
  EXPECT_EQ(story("/up/p"), "429 throttled; 200 ok");
  EXPECT_TRUE(eventually([&] {
    return proxy().metric(R"(outrigger_credentials{upstream="up",state="cooling"})") == 1;
  }));
}

TEST_P(Keys, ARefusedOneIsSetAsideForAllWorkersAndToldOnce) {
  upstream.expect("POST /p").reply(401, "no");
  upstream.expect("POST /p").times(6).reply(200, "well");
  serve(with(kPool).workers(2));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask_as_agent().body, "well");
  EXPECT_EQ(used(), "A B B B B B B");
  EXPECT_TRUE(eventually([&] { return proxy().log().contains("a key is set aside"); }));
  const std::string log = proxy().log();
  EXPECT_EQ(log.find("a key is set aside"), log.rfind("a key is set aside"));
  EXPECT_TRUE(log.contains(R"("position":1)")) << log;
  EXPECT_TRUE(log.contains(R"("ends_in":"AAAA")")) << log;
}

TEST_P(Keys, OneOutOfMoneyIsSetAside) {
  upstream.expect("POST /p").reply(
      429, R"({"error":{"code":"insufficient_quota","message":"no money"}})",
      {{"content-type", "application/json"}});
  upstream.expect("POST /p").times(3).reply(200, "{}", {{"content-type", "application/json"}});
  serve("use: openai, expected_version: none, " + kPool);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_as_agent().status, 200);
  EXPECT_EQ(used(), "A B B B");
}

TEST_P(Keys, WithNoneLeftNothingIsSent) {
  upstream.expect("POST /p").reply(401, "no");
  upstream.expect("POST /p").reply(
      402, R"({"error":{"code":"insufficient_quota","message":"no money"}})",
      {{"content-type", "application/json"}, {"retry-after", "120"}});
  serve("use: openai, expected_version: none, loop_guard: none, " + kPool);
  EXPECT_EQ(ask_as_agent().status, 402);
  const Response answer = ask_as_agent();
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(hits(), 2u);
  const nlohmann::json body = nlohmann::json::parse(answer.body);
  EXPECT_EQ(body["error"]["code"], "credentials_exhausted");
  EXPECT_TRUE(answer.body.contains("1 refused (auth), 1 out of money (quota_exhausted)"))
      << answer.body;
  EXPECT_EQ(value_of(answer.headers, "content-type"), "application/json");
  const int seconds = std::stoi(value_of(answer.headers, "retry-after"));
  EXPECT_GT(seconds, 60);
  EXPECT_LE(seconds, 120);
  expect_gives_up(answer);
}

TEST_P(Keys, TheProblemHasTheShapeThatTheClientReads) {
  upstream.expect("POST /p").reply(401, "no");
  serve(
      fmt::format("use: anthropic, expected_version: none, loop_guard: none, "
                  "credentials: {{keys: [{}]}}",
                  kFirst));
  EXPECT_EQ(ask_as_agent().status, 401);
  const nlohmann::json body = nlohmann::json::parse(ask_as_agent().body);
  EXPECT_EQ(body["type"], "error");
  EXPECT_EQ(body["error"]["code"], "credentials_exhausted");
  EXPECT_EQ(value_of(upstream.requests().at(0).headers, "x-api-key"), kFirst)
      << "the profile knows the header";
  EXPECT_EQ(find(upstream.requests().at(0).headers, "authorization"), nullptr);
}

TEST_P(Keys, AStreamThatBeginsWithAnErrorIsAskedOfTheNext) {
  const std::string chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
  const std::string end =
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
      "data: [DONE]\n\n";
  upstream.expect("POST /p").reply_sse(
      {"data: {\"error\":{\"code\":\"invalid_api_key\",\"type\":\"authentication_error\","
       "\"message\":\"no\"}}\n\n"});
  upstream.expect("POST /p").times(2).reply_sse({chunk, end});
  serve("use: openai, expected_version: none, " + kPool);
  for (int i = 0; i < 2; ++i) {
    const Response answer = ask(llm_request("/up/p", "unused"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, chunk + end);
  }
  EXPECT_EQ(used(), "A B B");
}

TEST_P(Keys, WhatWasSetAsideStaysSoOverAReload) {
  upstream.expect("POST /p").reply(401, "no");
  upstream.expect("POST /p").times(4).reply(200, "well");
  serve(kPool);
  EXPECT_EQ(ask_as_agent().status, 200);
  proxy().reload(with(kPool + ", timeouts: {headers: 7s}"));
  EXPECT_EQ(ask_as_agent().status, 200);
  EXPECT_EQ(used(), "A B B");
  proxy().reload(with(fmt::format("credentials: {{keys: [{}, sk-test-ccccccccccccccccCCCC]}}, {}",
                                  kFirst, kThreeAttempts)));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask_as_agent().status, 200);
  EXPECT_EQ(used(), "A B B C C");
}

// The signature is checked as AWS does it, from what came and from the Host it came with.
class Signed : public Scenario {
 protected:
  static std::string hmac(const std::string& key, const std::string& text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    return {reinterpret_cast<const char*>(digest), size};
  }
  static std::string hex(const std::string& bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
  }
  static std::string sha256(const std::string& text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
    return hex({reinterpret_cast<const char*>(digest), size});
  }
  static std::string expected(const Request& request, const std::string& path) {
    const std::string date = value_of(request.headers, "x-amz-date");
    const std::string token = value_of(request.headers, "x-amz-security-token");
    const std::string names = "host;x-amz-date;x-amz-security-token";
    const std::string canonical =
        fmt::format("POST\n{}\n\nhost:{}\nx-amz-date:{}\nx-amz-security-token:{}\n\n{}\n{}", path,
                    request.authority, date, token, names, sha256(request.body));
    const std::string day = date.substr(0, 8);
    const std::string scope = day + "/eu-west-1/bedrock/aws4_request";
    const std::string text =
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, sha256(canonical));
    std::string key = hmac("AWS4wJalrXUtnFEMI-secret", day);
    for (const char* part : {"eu-west-1", "bedrock", "aws4_request"}) key = hmac(key, part);
    return fmt::format("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{}, SignedHeaders={}, Signature={}",
                       scope, names, hex(hmac(key, text)));
  }
  const std::string keys_ =
      std::string(
          "use: bedrock, credentials: {aws: {region: eu-west-1, access_key: AKIDEXAMPLE, "
          "secret_key: wJalrXUtnFEMI-secret, session_token: a-session-token}}, ") +
      kThreeAttempts;
};
INSTANTIATE_TEST_SUITE_P(, Signed, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(Signed, EachAttemptCarriesASignatureThatHolds) {
  const std::string path = "/model/anthropic.claude-v1%3A0/invoke";
  upstream.expect("POST " + path).reply(503, "busy");
  upstream.expect("POST " + path).reply(200, "{}", {{"content-type", "application/json"}});
  serve(keys_);
  const std::string body = R"({"prompt":"hello"})";
  Request request = post("/up" + path, body, {{"content-type", "application/json"}});
  request.headers.emplace_back("authorization", "AWS4-HMAC-SHA256 Credential=dummy/x");
  request.headers.emplace_back("x-amz-date", "20150830T123600Z");
  request.headers.emplace_back("x-amz-security-token", "dummy");
  EXPECT_EQ(ask(request).status, 200);
  const std::vector<Request> seen = upstream.requests();
  ASSERT_EQ(seen.size(), 2u);
  for (const Request& sent : seen) {
    EXPECT_EQ(sent.body, body);
    EXPECT_EQ(value_of(sent.headers, "x-amz-security-token"), "a-session-token");
    EXPECT_EQ(values_of(sent.headers, "authorization"),
              std::vector<std::string>{expected(sent, "/model/anthropic.claude-v1%253A0/invoke")});
  }
}

TEST_P(Signed, ALongBodyIsReadToItsEndFirst) {
  upstream.expect("POST /invoke").reply(200, "{}", {{"content-type", "application/json"}});
  serve(keys_);
  const std::string body(3'000'000, 'p');
  EXPECT_EQ(ask(post("/up/invoke", body)).status, 200);
  const Request sent = upstream.requests().at(0);
  EXPECT_TRUE(sent.body == body);
  EXPECT_EQ(value_of(sent.headers, "authorization"), expected(sent, "/invoke"));
}

TEST_P(Signed, ABodyThatIsTooLongToKeepIsA413) {
  serve(
      "use: bedrock, retry: {buffer: 1MiB}, credentials: {aws: {region: eu-west-1, "
      "access_key: AKIDEXAMPLE, secret_key: wJalrXUtnFEMI-secret}}");
  expect_problem(ask(post("/up/invoke", pattern(2'000'000))), 413, "body_too_large");
  EXPECT_EQ(hits(), 0u);
}

// What the command says, on both its outputs.
std::string say(std::vector<std::string> words) {
  const TemporaryFolder folder;
  words.insert(words.begin(), OUTRIGGER_BINARY);
  Process process(std::move(words), {.folder = folder.path("")});
  EXPECT_TRUE(process.wait_exit().has_value());
  return process.standard_output() + process.standard_error();
}

// The keys stand as they are in the file, which is warned of: even so nothing repeats them.
class Secrecy : public Scenario {};
INSTANTIATE_TEST_SUITE_P(, Secrecy, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Secrecy, NoKeyIsInAnyOutput) {
  upstream.expect("POST *").reply(401, "no");
  upstream.expect("POST *").reply(429, "slow", {{"retry-after", "1"}});
  upstream.expect("POST *").always().reply(401, "no");
  serve(with(kPool + ", headers: full"));
  std::string all;
  const auto add = [&](const Response& answer) {
    all += answer.body;
    for (const auto& [name, value] : answer.headers) all += name + ": " + value + "\n";
  };
  for (int i = 0; i < 4; ++i)
    add(ask(llm_request("/up/p?q=" + std::string(static_cast<std::size_t>(i), 'x'), "unused")));
  EXPECT_TRUE(eventually([&] { return proxy().log().contains("a key is set aside"); }));
  for (const char* page : {"/metrics", "/livez", "/readyz"}) add(proxy().health(page));
  const std::string shown = say({"config", "show", proxy().config_path()});
  const std::string checked = say({"check", proxy().config_path()});
  EXPECT_TRUE(shown.contains("keys:")) << shown;
  EXPECT_TRUE(checked.contains("stands in the file")) << checked;
  all += shown + checked + proxy().log() + proxy().process().standard_output();
  for (const std::string key : {kFirst, kSecond}) {
    EXPECT_FALSE(all.contains(key));
    EXPECT_FALSE(all.contains(key.substr(0, 20))) << "not even its beginning";
  }
}

}  // namespace
}  // namespace outrigger::test
