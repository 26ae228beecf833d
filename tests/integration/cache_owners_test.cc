// No principal ever gets another's entry, and no truncated, errored or refused answer is ever
// stored: random principals, requests and answers with a fixed seed (durability 2 row 16, 3 item
// 21).
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "tests/integration/cache_scenario.h"

namespace outrigger::test {
namespace {

constexpr std::array<std::string_view, 18> kEndings = {
    "complete", "complete", "complete", "complete",    "complete", "complete",
    "complete", "cut",      "reset",    "error event", "429",      "500",
    "refusal",  "length",   "tools",    "filtered",    "no end",   "empty"};

// Whose answer to what it is, and how it ends: said in every answer, whole or not.
struct Sign {
  std::string who, what, ending;
};
std::string written(const Sign& sign) {
  return fmt::format("<{}|{}|{}>", sign.who, sign.what, sign.ending);
}
std::optional<Sign> sign_in(const std::string& body) {
  const std::size_t begin = body.find('<');
  const std::size_t end = body.find('>', begin);
  if (begin == std::string::npos || end == std::string::npos) return std::nullopt;
  const std::string text = body.substr(begin + 1, end - begin - 1);
  const std::size_t one = text.find('|');
  const std::size_t two = text.rfind('|');
  return Sign{text.substr(0, one), text.substr(one + 1, two - one - 1), text.substr(two + 1)};
}

// An upstream that answers each call in one of these ways, and knows by the fields X-Who and
// X-What, which are of no account to the cache, whom and what.
class Moody {
 public:
  explicit Moody(unsigned seed) : random_(seed) {}

  void answer(Exchange& exchange, const Script::Step& die) {
    const Request& request = exchange.request;
    const Sign sign{value_of(request.headers, "x-who"), value_of(request.headers, "x-what"),
                    std::string(kEndings[next()])};
    const bool page = request.method == "GET";
    if (sign.ending == "429" || sign.ending == "500") {
      exchange.reply(response(std::stoi(sign.ending), written(sign), fresh_for(600)));
    } else if (page) {
      answer_page(exchange, sign, die);
    } else if (request.body.contains("\"stream\":true")) {
      answer_stream(exchange, sign, die);
    } else {
      answer_whole(exchange, sign, die);
    }
    if (sign.ending == "complete") ++complete_;
  }
  [[nodiscard]] int complete() const { return complete_; }

 private:
  std::size_t next() {
    const std::lock_guard lock(mutex_);
    return random_() % kEndings.size();
  }
  static std::string text_of(const Sign& sign) { return written(sign) + std::string(300, '.'); }
  static void send_half(Exchange& exchange, const std::string& body, Fields fields,
                        const Script::Step& die) {
    fields.emplace_back("content-length", std::to_string(body.size()));
    exchange.start(200, fields);
    exchange.send(body.substr(0, body.size() - 20));
    die(exchange);
  }
  static void answer_page(Exchange& exchange, const Sign& sign, const Script::Step& die) {
    const std::string body = text_of(sign);
    const Fields fields = {{"cache-control", "private, max-age=600"}};
    if (sign.ending == "cut" || sign.ending == "reset") {
      return send_half(exchange, body, fields, die);
    }
    if (sign.ending == "complete") return exchange.reply(response(200, body, fields));
    exchange.reply(response(200, body, {{"cache-control", "no-store"}}));
  }
  static void answer_whole(Exchange& exchange, const Sign& sign, const Script::Step& die) {
    static const std::map<std::string, std::string> kReasons = {
        {"length", "length"}, {"tools", "tool_calls"}, {"filtered", "content_filter"}};
    const auto reason = kReasons.find(sign.ending);
    std::string body =
        chat_answer(text_of(sign), reason == kReasons.end() ? "stop" : reason->second);
    if (sign.ending == "cut" || sign.ending == "reset" || sign.ending == "no end") {
      return send_half(exchange, body, kJson, die);
    }
    if (sign.ending == "refusal") {
      body.replace(body.find("\"content\""), 9, "\"refusal\":\"no\",\"content\"");
    } else if (sign.ending == "error event") {
      body.replace(body.find("\"choices\""), 9, "\"error\":{\"code\":\"x\"},\"choices\"");
    } else if (sign.ending == "empty") {
      body = "{\"x\":\"" + text_of(sign) + "\",\"choices\":[]}";
    }
    exchange.reply(response(200, body, kJson));
  }
  static std::string chunk(const std::string& delta, const std::string& reason) {
    return fmt::format(
        "data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{{}}},"
        "\"finish_reason\":{}}}]}}\n\n",
        delta, reason);
  }
  static void answer_stream(Exchange& exchange, const Sign& sign, const Script::Step& die) {
    static const std::map<std::string, std::string> kReasons = {
        {"length", "\"length\""}, {"tools", "\"tool_calls\""}, {"filtered", "\"content_filter\""}};
    exchange.start(200, {{"content-type", "text/event-stream"}});
    const char* member = sign.ending == "refusal" ? "refusal" : "content";
    const bool says = sign.ending != "empty";
    if (!says) exchange.send(": " + text_of(sign) + "\n\n");
    if (says) exchange.send(chunk(fmt::format("\"{}\":\"{}\"", member, text_of(sign)), "null"));
    if (sign.ending == "cut" || sign.ending == "no end") return exchange.finish();
    if (sign.ending == "reset") return die(exchange);
    if (sign.ending == "error event") {
      exchange.send("data: {\"error\":{\"code\":\"server_error\",\"message\":\"no\"}}\n\n");
    }
    const auto reason = kReasons.find(sign.ending);
    exchange.send(chunk("", reason == kReasons.end() ? "\"stop\"" : reason->second) + kDone);
    exchange.finish();
  }

  std::mutex mutex_;
  std::mt19937 random_;
  std::atomic<int> complete_ = 0;
};

enum class By { kCredential, kHeader, kCertificate };

class CacheOwners : public Cached {
 protected:
  static constexpr int kPrincipals = 4;
  static constexpr int kQuestions = 6;
  static constexpr int kThreads = 6;
  static constexpr int kRounds = 80;

  CacheOwners() {
    for (int i = 0; i < kPrincipals; ++i) {
      const Identity identity = authority_.client(fmt::format("agent-{}", i));
      folder_.write(fmt::format("{}.pem", i), identity.certificate_pem);
      folder_.write(fmt::format("{}.key", i), identity.key_pem);
    }
  }
  void serve_for(By by, const std::string& streams) {
    static const std::map<By, std::string> kOwners = {
        {By::kCredential, "credential"},
        {By::kHeader, "header, owner_header: X-Agent-Id"},
        {By::kCertificate, "certificate"}};
    ProxyConfig config = with(cached(fmt::format(
        "ttl: 1h, streams: {}, owner: {}, http: {{mode: private}}", streams, kOwners.at(by))));
    config.workers(2);
    // A cache in memory so small that some of it goes to disk and comes back.
    config.store("cache: {memory: 1MiB}");
    if (by == By::kCertificate) {
      const std::string ca = folder_.write("clients.pem", authority_.certificate_pem());
      config.tls(pki().server_certificate, pki().server_key, ca);
    }
    serve(config);
  }
  ClientOptions client_of(By by, int who) const {
    ClientOptions options{.http = GetParam().client};
    if (by != By::kCertificate) return options;
    options.tls = true;
    options.files = {.certificate = folder_.path(fmt::format("{}.pem", who)),
                     .key = folder_.path(fmt::format("{}.key", who)),
                     .trusted_ca = pki().ca};
    return options;
  }
  static Fields fields_of(By by, int who) {
    const std::string name = fmt::format("agent-{}", who);
    Fields fields = {{"x-who", name}};
    if (by == By::kCredential) fields.emplace_back("authorization", "Bearer key-of-" + name);
    if (by == By::kHeader) {
      fields.emplace_back("x-agent-id", name);
      fields.emplace_back("authorization", "Bearer the-same");
    }
    return fields;
  }
  static Request question(By by, int who, unsigned dice) {
    const unsigned number = dice % kQuestions;
    const unsigned form = dice / kQuestions % 3;
    Fields fields = fields_of(by, who);
    fields.emplace_back("x-what", fmt::format("form {} of {}", form, number));
    if (form == 0) return get(fmt::format("/up/page/{}", number), std::move(fields));
    const std::string stream = form == 1 ? R"("stream":true,)" : "";
    return prompt(chat_target(), chat(fmt::format("question {}", number), stream),
                  std::move(fields));
  }
  void check(const Response& answer, const Request& request) {
    const bool stored = source_of(answer) == "cache" && is_hit(answer);
    const auto sign = sign_in(answer.body);
    if (sign) {
      EXPECT_EQ(sign->who, value_of(request.headers, "x-who")) << cache_status(answer);
      EXPECT_EQ(sign->what, value_of(request.headers, "x-what")) << cache_status(answer);
    }
    if (!stored) return;
    ++stored_;
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete) << answer.failure;
    ASSERT_TRUE(sign) << answer.body;
    EXPECT_EQ(sign->ending, "complete");
  }
  void ask_many(By by, unsigned seed) {
    std::mt19937 random(seed);
    std::map<int, Client> clients;
    for (int i = 0; i < kRounds; ++i) {
      const int who = static_cast<int>(random() % kPrincipals);
      const Request request = question(by, who, random());
      auto client = clients.find(who);
      if (client == clients.end()) {
        client = clients.try_emplace(who, proxy().port(), client_of(by, who)).first;
      }
      const Response answer = client->second.fetch(request);
      check(answer, request);
      const bool over = value_of(answer.headers, "connection") == "close";
      if (!answer.complete || over) clients.erase(client);
    }
  }

  CertificateAuthority authority_{"clients"};
  TemporaryFolder folder_;
  std::atomic<int> stored_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, CacheOwners, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(CacheOwners, GetTheirOwnAnswersAndCompleteOnesOnly) {
  constexpr unsigned kSeed = 20261128;
  for (const By by : {By::kCredential, By::kHeader, By::kCertificate}) {
    SCOPED_TRACE(fmt::format("owner {}, seed {}", static_cast<int>(by), kSeed));
    Moody moody(kSeed);
    upstream.expect("*").always().run([&](Exchange& exchange) { moody.answer(exchange, die); });
    serve_for(by, by == By::kHeader ? "recorded" : "at_once");
    stored_ = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        try {
          ask_many(by, kSeed + i);
        } catch (const std::exception& failure) {
          ADD_FAILURE() << failure.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(stored_, kThreads * kRounds / 10) << "the cache is there";
    // One complete answer to each question of each principal is enough. Pages are the exception:
    // the first one of a URL tells what keeps its answers apart, and who comes meanwhile asks
    // alone.
    EXPECT_LE(moody.complete(), 2 * kPrincipals * kQuestions * 3);
    proxy().finish();
    upstream.verify();
  }
}

TEST_P(CacheOwners, WithoutAnOwnersSignTheCredentialCounts) {
  serve_cached("ttl: 1h, owner: header, owner_header: X-Agent-Id");
  expect_chat().always().run([](Exchange& exchange) {
    exchange.reply(
        response(200, chat_answer(value_of(exchange.request.headers, "authorization")), kJson));
  });
  for (const std::string key : {"one", "two", "one", "two"}) {
    for (const Fields& more : {Fields{}, Fields{{"x-agent-id", ""}}}) {
      Fields fields = more;
      fields.emplace_back("authorization", key);
      EXPECT_EQ(ask_chat(chat("a"), fields).body, chat_answer(key));
    }
  }
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CacheOwners, ASharedStoreOfPagesKeepsNothingThatCameForACredential) {
  serve("cache: {}");
  for (const Fields& credential : {Fields{{"authorization", "Bearer a"}},
                                   Fields{{"x-api-key", "a"}}, Fields{{"cookie", "a"}}}) {
    const std::string path = "/" + credential[0].first;
    upstream.expect("GET " + path).reply(200, "mine", fresh_for(600));
    EXPECT_EQ(ask(get("/up" + path, credential)).body, "mine");
    upstream.expect("GET " + path).always().reply(200, "anybody's", fresh_for(600));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(get("/up" + path)).body, "anybody's");
    EXPECT_EQ(source_of(ask(get("/up" + path))), "cache");
    upstream.expect("GET /public" + path)
        .reply(200, "all", {{"cache-control", "public, max-age=600"}});
    EXPECT_EQ(ask(get("/up/public" + path, credential)).body, "all");
    EXPECT_EQ(source_of(ask(get("/up/public" + path))), "cache");
  }
}

TEST_P(CacheOwners, AKeyOfTheProxysOwnMakesPagesNobodysButWhereTheySayPublic) {
  serve("cache: {}, credentials: {keys: [secret]}");
  upstream.expect("GET /p").times(2).reply(200, "page", fresh_for(600));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(source_of(ask(get("/up/p"))), "upstream");
  upstream.expect("GET /public").reply(200, "page", {{"cache-control", "s-maxage=600"}});
  ask(get("/up/public"));
  EXPECT_EQ(source_of(ask(get("/up/public"))), "cache");
}

TEST_P(CacheOwners, TwoUpstreamsShareNothing) {
  Upstream other{{.http = GetParam().upstream}};
  ProxyConfig config = with(cached());
  config.upstream("other", other, cached() + protocol());
  serve(config);
  upstream.expect("GET /p").reply(200, "one", fresh_for(600));
  other.expect("GET /p").reply(200, "two", fresh_for(600));
  expect_chat().reply(200, chat_answer("one"), kJson);
  other.expect(std::string("POST ") + kChatPath).reply(200, chat_answer("two"), kJson);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(get("/up/p")).body, "one");
    EXPECT_EQ(ask(get("/other/p")).body, "two");
    EXPECT_EQ(ask_chat(chat("a")).body, chat_answer("one"));
    EXPECT_EQ(ask(prompt(std::string("/other") + kChatPath, chat("a"))).body, chat_answer("two"));
  }
  proxy().finish();
}

// Asked for by its own address an upstream keeps what it keeps; hosts that no upstream names share
// nothing with it, nor with each other.
TEST_P(CacheOwners, HostsOfTheForwardProxyShareNothing) {
  if (h2_upstream()) return;  // where nothing is known of a host it is asked by HTTP/1
  Upstream second, stranger;
  ProxyConfig config;
  config.workers(1)
      .upstream("up", upstream)
      .upstream("second", second)
      .defaults("retry: none, circuit_breaker: none, replay: safe, cache: {ttl: 1h, http: {}}")
      .server(fmt::format("forward: {{enabled: true, allow_hosts: [\"127.0.0.1\", localhost], "
                          "allow_cidrs: [\"127.0.0.0/8\", \"::1/128\"], ports: [{}, {}, {}]}}",
                          upstream.port(), second.port(), stranger.port()));
  serve(config);
  const std::array<std::pair<Upstream*, std::string>, 3> hosts = {
      {{&upstream, R"({"one":1})"}, {&second, R"({"two":2})"}, {&stranger, R"({"three":3})"}}};
  for (const auto& [host, body] : hosts)
    host->expect("*").always().reply(200, body, fresh_for(600, kJson));
  const auto body_of = [&](const Upstream& of, Request request) {
    request.authority = fmt::format("127.0.0.1:{}", of.port());
    request.target = fmt::format("http://{}{}", request.authority, request.target);
    return Client(proxy().port()).fetch(request).body;
  };
  for (int i = 0; i < 3; ++i) {
    for (const Request& request : {get("/p"), prompt("/p", R"({"a":1})")}) {
      for (const auto& [host, body] : hosts) EXPECT_EQ(body_of(*host, request), body);
    }
  }
  EXPECT_EQ(hits(), 2u);
  EXPECT_EQ(second.requests().size(), 2u);
  body_of(upstream, of_method("PUT", post("/p", "{}")));
  for (const auto& [host, body] : hosts) EXPECT_EQ(body_of(*host, get("/p")), body);
  EXPECT_EQ(hits(), 4u);
  EXPECT_EQ(second.requests().size(), 2u) << "a write is one host's";
  proxy().finish();
}

}  // namespace
}  // namespace outrigger::test
