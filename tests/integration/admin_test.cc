// The admin port: who may ask it, what it says, and `outrigger cache` (operability 3.5, 3.6).
#include "tests/integration/cli_fixture.h"
#include "tests/integration/parties.h"
#include "tests/support/socket.h"

namespace outrigger::test {
namespace {

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";
constexpr const char* kCached = "cache: {ttl: 1h}";

std::string at(std::uint16_t port) {
  return fmt::format("127.0.0.1:{}", port);
}

// The variable of the proxy that is started while it lives.
class TokenVariable {
 public:
  explicit TokenVariable(const char* token) { ::setenv("OUTRIGGER_ADMIN_TOKEN", token, 1); }
  ~TokenVariable() { ::unsetenv("OUTRIGGER_ADMIN_TOKEN"); }
};

class AdminPort : public OneUpstream, public ::testing::WithParamInterface<Http> {
 protected:
  static Response ask(Proxy& proxy, Request request, const std::string& host = "localhost") {
    request.authority = host;
    return Client(proxy.admin_port(), {.http = GetParam()}).fetch(request);
  }
  static Request purge(const std::string& json, const std::string& query = {}) {
    return post("/api/v1/cache/purge" + query, json, {{"content-type", "application/json"}});
  }
  static void expect_refusal(const Response& answer, int status, const std::string& code) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(value_of(answer.headers, "content-type"), "application/problem+json");
    EXPECT_TRUE(answer.body.contains("urn:outrigger:error:" + code)) << answer.body;
  }
};
INSTANTIATE_TEST_SUITE_P(, AdminPort, ::testing::Values(Http::k1, Http::k2),
                         [](const auto& row) { return row.param == Http::k1 ? "h1" : "h2"; });

TEST_P(AdminPort, HasThePagesOfTheHealthPortAndSaysWhatRuns) {
  TestProxy proxy(config());
  for (const char* path : {"/livez", "/readyz", "/startupz"}) {
    EXPECT_EQ(ask(proxy, get(path)).status, 200) << path;
  }
  EXPECT_TRUE(ask(proxy, get("/metrics")).body.contains("\noutrigger_build_info{"));
  const Response answer = ask(proxy, get("/api/v1/info"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(value_of(answer.headers, "cache-control"), "no-store");
  const auto info = nlohmann::json::parse(answer.body);
  EXPECT_EQ(info["state"], "ready");
  EXPECT_GE(info["uptime_s"].get<int>(), 0);
  EXPECT_EQ(info["config"]["source"], proxy.config_path());
}

TEST_P(AdminPort, IsNoDoorForPagesInABrowser) {
  TestProxy proxy(config());
  expect_refusal(ask(proxy, get("/api/v1/info"), "evil.example"), 421, "admin_host_unknown");
  expect_refusal(ask(proxy, get("/api/v1/info", {{"sec-fetch-site", "cross-site"}})), 403,
                 "admin_cross_site");
  expect_refusal(ask(proxy, get("/api/v1/info", {{"origin", "http://evil.example"}})), 403,
                 "admin_cross_site");
  expect_refusal(
      ask(proxy, post("/api/v1/cache/purge", "{\"all\":true}", {{"content-type", "text/plain"}})),
      415, "admin_media_type");
}

TEST_P(AdminPort, AsksForItsToken) {
  const TokenVariable variable(kToken);
  TestProxy proxy(config());
  EXPECT_EQ(ask(proxy, get("/livez")).status, 200);
  expect_refusal(ask(proxy, get("/api/v1/info")), 401, "admin_token_needed");
  expect_refusal(ask(proxy, get("/api/v1/info", {{"authorization", "Bearer wrong"}})), 401,
                 "admin_token_needed");
  EXPECT_EQ(
      ask(proxy, get("/api/v1/info", {{"authorization", std::string("Bearer ") + kToken}})).status,
      200);
  EXPECT_FALSE(proxy.log().contains(kToken));
}

TEST_P(AdminPort, TellsOfTheConfigurationThatAReloadBrought) {
  TestProxy proxy(config());
  const std::string before = ask(proxy, get("/api/v1/info")).body;
  proxy.reload(config().upstream("other", "http://127.0.0.1:9"));
  const auto hash = [](const std::string& body) {
    return nlohmann::json::parse(body)["config"]["hash"].get<std::string>();
  };
  EXPECT_NE(hash(ask(proxy, get("/api/v1/info")).body), hash(before));
}

// Whoever may send requests through the proxy must not get to its admin port by it.
TEST_P(AdminPort, CannotBeReachedThroughTheProxy) {
  ProxyConfig forwarding = config();
  TestProxy proxy(forwarding);
  proxy.reload(forwarding.server(
      fmt::format("forward: {{enabled: true, allow_cidrs: [\"127.0.0.0/8\"], ports: [{}]}}",
                  proxy.admin_port())));
  Request request = get(fmt::format("http://{}/livez", at(proxy.admin_port())));
  request.authority = at(proxy.admin_port());
  expect_refusal(proxy.fetch(request), 403, "destination_ip_prohibited");
}

TEST_P(AdminPort, APurgedAnswerIsAskedForAgain) {
  keys = kCached;
  upstream.expect("GET /p").always().reply(200, "page", {{"cache-control", "max-age=600"}});
  TestProxy proxy(config());
  const auto fetches = [&] {
    EXPECT_EQ(proxy.fetch(get("/up/p")).body, "page");
    return upstream.requests().size();
  };
  EXPECT_EQ(fetches(), 1u);
  EXPECT_EQ(fetches(), 1u);
  const auto figures = nlohmann::json::parse(ask(proxy, get("/api/v1/cache")).body);
  EXPECT_GE(figures["memory"]["entries"].get<int>(), 1);
  EXPECT_GE(figures["memory"]["hits"].get<int>(), 1);

  EXPECT_EQ(ask(proxy, purge("{\"upstream\":\"other\"}")).body, "{\"purged\":0}\n");
  EXPECT_EQ(fetches(), 1u) << "what is not meant stays";
  const Response counted = ask(proxy, purge("{\"upstream\":\"up\"}", "?dry_run=true"));
  EXPECT_EQ(counted.status, 200);
  EXPECT_GE(nlohmann::json::parse(counted.body)["purged"].get<int>(), 1);
  EXPECT_EQ(fetches(), 1u) << "counting purges nothing";
  EXPECT_EQ(ask(proxy, purge("{\"upstream\":\"up\"}")).status, 200);
  EXPECT_EQ(fetches(), 2u);
  EXPECT_TRUE(eventually([&] { return proxy.log().contains("purged the cache"); })) << proxy.log();

  expect_refusal(ask(proxy, purge("{}")), 400, "admin_bad_request");
  EXPECT_EQ(fetches(), 2u);
  EXPECT_EQ(ask(proxy, purge("{\"all\":true}")).status, 200);
  EXPECT_EQ(fetches(), 3u);
}

class AdminCli : public Cli {
 protected:
  Output run_with_admin(const std::string& address, const Words& variables = {}) {
    return outrigger(
        {"run",
         write("outrigger.yaml",
               fmt::format("version: 1\nserver: {{listen: '127.0.0.1:0', admin: '{}', "
                           "health: '127.0.0.1:0'}}\nupstreams: {{openai: {{use: openai}}}}\n",
                           address))},
        variables);
  }
};

TEST_F(AdminCli, APortThatIsTakenIsAClearError) {
  const Socket taken = Socket::listen();
  const Output output = run_with_admin(at(taken.local_port()));
  EXPECT_EQ(output.code, 1);
  EXPECT_EQ(lines(output.err).size(), 1u) << output.err;
  EXPECT_TRUE(output.err.contains(at(taken.local_port()))) << output.err;
  EXPECT_TRUE(output.err.contains("in use")) << output.err;
}

TEST_F(AdminCli, APortThatOthersReachDoesNotOpenWithoutAToken) {
  const Output output = run_with_admin("0.0.0.0:0");
  EXPECT_EQ(output.code, 3);
  EXPECT_EQ(lines(output.err).size(), 1u) << output.err;
  EXPECT_TRUE(output.err.contains("OUTRIGGER_ADMIN_TOKEN")) << output.err;
  const Output weak = run_with_admin("0.0.0.0:0", {"OUTRIGGER_ADMIN_TOKEN=secret"});
  EXPECT_EQ(weak.code, 3);
  EXPECT_FALSE(weak.err.contains("secret")) << weak.err;
}

TEST_F(AdminCli, CacheCommandsAskTheProxyThatRuns) {
  const TokenVariable variable(kToken);
  Upstream upstream;
  upstream.expect("GET /p").always().reply(200, "page", {{"cache-control", "max-age=600"}});
  TestProxy proxy(ProxyConfig().upstream("up", upstream, kCached));
  const Words known = {"OUTRIGGER_ADMIN=" + at(proxy.admin_port()),
                       std::string("OUTRIGGER_ADMIN_TOKEN=") + kToken};
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "page");
  const Output stats = outrigger({"cache", "stats"}, known);
  EXPECT_EQ(stats.code, 0) << stats.err;
  EXPECT_TRUE(stats.out.starts_with("TIER ")) << stats.out;
  const Output purged = outrigger({"cache", "purge", "--all"}, known);
  EXPECT_EQ(purged.code, 0) << purged.err;
  EXPECT_TRUE(purged.out.starts_with("purged ")) << purged.out;
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "page");
  EXPECT_EQ(upstream.requests().size(), 2u);

  const Output refused = outrigger({"cache", "stats"}, {known[0]});
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(refused.err.contains("OUTRIGGER_ADMIN_TOKEN")) << refused.err;
}

TEST_F(AdminCli, WithoutAProxyTheCodeIsFour) {
  const ReservedPort nobody;
  const Output output = outrigger({"cache", "stats", "--admin", at(nobody.number())});
  EXPECT_EQ(output.code, 4);
  EXPECT_EQ(output.out, "");
  EXPECT_TRUE(output.err.contains("cannot reach the proxy")) << output.err;
}

TEST_F(AdminCli, HelpReadsAsItsGoldenFiles) {
  const std::pair<const char*, Words> pages[] = {
      {"cache.txt", {"cache", "--help"}},
      {"cache_stats.txt", {"cache", "stats", "--help"}},
      {"cache_purge.txt", {"cache", "purge", "--help"}},
  };
  for (const auto& [name, words] : pages) {
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, 0);
    expect_golden(name, output.out);
    for (const std::string& line : lines(output.out)) EXPECT_LE(line.size(), 100u) << line;
  }
}

}  // namespace
}  // namespace outrigger::test
