#include "proxy/upstream/router.h"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "proxy/http/problem.h"
#include "proxy/upstream/first_run_page.h"
#include "proxy/upstream/request_path.h"

namespace outrigger::upstream {
namespace {

using http::Method;
using http::RequestHead;
using http::TargetForm;

config::Endpoint endpoint(std::string host, std::uint16_t port, bool tls, std::string base = {}) {
  config::Endpoint it;
  it.host = std::move(host);
  it.port = port;
  it.tls = tls;
  it.base_path = std::move(base);
  return it;
}

config::Upstream upstream(std::string name, config::Endpoint at, std::string version = {}) {
  config::Upstream it;
  it.name = name;
  it.profile = name;
  it.path_prefix = "/" + name;
  it.endpoints.push_back(std::move(at));
  it.expected_version = std::move(version);
  if (!it.expected_version.empty()) it.version_tokens = {"v1", "v2", "v1beta"};
  return it;
}

config::Route route(std::string name, std::vector<std::string> methods, std::string path) {
  config::Route it;
  it.name = std::move(name);
  it.match = {std::move(methods), std::move(path)};
  return it;
}

std::shared_ptr<config::Config> example() {
  auto config = std::make_shared<config::Config>();
  config->server.listen.push_back({"127.0.0.1:4170", "127.0.0.1", 4170});
  config->upstreams.push_back(upstream("openai", endpoint("api.openai.com", 443, true), "/v1"));
  config->upstreams.back().policies.error_format = config::ErrorFormat::kOpenai;
  config->upstreams.push_back(
      upstream("anthropic", endpoint("api.anthropic.com", 443, true), "/v1"));
  config->upstreams.back().policies.error_format = config::ErrorFormat::kAnthropic;
  config->upstreams.push_back(upstream("erp", endpoint("erp.example.com", 443, true, "/api")));
  config->upstreams.back().hosts = {"erp.internal:8080", "www.example.com"};
  config->upstreams.back().routes = {route("invoices", {"POST"}, "/invoices"),
                                     route("any-invoice", {}, "/invoices/")};
  config->upstreams.push_back(upstream("local", endpoint("127.0.0.1", 11434, false)));
  config->upstreams.back().path_prefix = "/team/local";
  config->upstreams.push_back(upstream("team", endpoint("::1", 9000, false)));
  return config;
}

// A head as a codec makes it, with the text that its views borrow.
struct Asked {
  explicit Asked(std::string_view method, std::string target, std::string host = "127.0.0.1:4170")
      : method_text(method), target_text(std::move(target)), authority_text(std::move(host)) {
    head.method = http::method_of(method_text);
    head.method_text = method_text;
    head.target = target_text;
    head.authority = authority_text;
  }
  static Asked url(std::string scheme, std::string host, std::string target) {
    Asked it("GET", std::move(target), std::move(host));
    it.head.form = TargetForm::kAbsolute;
    it.scheme_text = std::move(scheme);
    return it;
  }
  static Asked connect(const std::string& authority) {
    Asked it("CONNECT", authority, authority);
    it.head.form = TargetForm::kAuthority;
    return it;
  }
  RequestHead& get() {
    // The views follow the strings wherever this object was moved to.
    head.method_text = method_text;
    head.target = target_text;
    head.authority = authority_text;
    head.scheme = scheme_text;
    return head;
  }

  std::string method_text, target_text, authority_text, scheme_text;
  RequestHead head;
};

struct Sent {
  std::string_view path;
  std::string_view upstream;
  std::string_view target;
};

TEST(Router, SendsBaseUrlRequestsToTheLongestPrefixOfWholeSegments) {
  Router router(example());
  const Sent cases[] = {
      {"/openai/v1/chat/completions", "openai", "/v1/chat/completions"},
      {"/openai/v1/models?limit=2", "openai", "/v1/models?limit=2"},
      {"/openai/v1", "openai", "/v1"},
      {"/anthropic/v1/messages", "anthropic", "/v1/messages"},
      {"/erp/orders/7?x=/../", "erp", "/api/orders/7?x=/../"},
      {"/erp", "erp", "/api"},
      {"/erp/", "erp", "/api/"},
      {"/erp?q=1", "erp", "/api?q=1"},
      {"/team/local/api/tags", "local", "/api/tags"},
      {"/team/locals", "team", "/locals"},
      {"/team", "team", "/"},
      {"/team?q", "team", "/?q"},
      {"/team//a%2Fb/%zz;p=1//", "team", "//a%2Fb/%zz;p=1//"},
  };
  for (const Sent& row : cases) {
    Asked asked("GET", std::string(row.path));
    const auto routed = router.route(asked.get());
    ASSERT_TRUE(routed) << row.path << ": " << routed.error().detail;
    EXPECT_EQ(routed->upstream->name, row.upstream) << row.path;
    EXPECT_EQ(routed->target, row.target) << row.path;
    EXPECT_EQ(routed->way, Way::kBaseUrl);
    EXPECT_EQ(routed->policies, &routed->upstream->policies);
    EXPECT_EQ(&router.config().upstreams[routed->upstream_index], routed->upstream);
  }
}

TEST(Router, TakesTheFirstRouteThatMatchesMethodAndPath) {
  Router router(example());
  struct Case {
    std::string_view method, path, route;
    std::uint32_t index;
  };
  const Case cases[] = {
      {"POST", "/erp/invoices", "invoices", 1},
      {"POST", "/erp/invoices/7", "invoices", 1},
      {"GET", "/erp/invoices", "any-invoice", 2},
      {"post", "/erp/invoices", "any-invoice", 2},
      {"POST", "/erp/invoicesx", "", 0},
      {"POST", "/erp/x/invoices", "", 0},
      {"POST", "/erp/%69nvoices", "invoices", 1},  // RFC 3986 6.2.2.2: the same resource
      {"POST", "/erp/invoices%2F7", "", 0},        // reserved: not the same
      {"POST", "/erp/invoices?x=1", "invoices", 1},
  };
  for (const Case& row : cases) {
    Asked asked(row.method, std::string(row.path));
    const auto routed = router.route(asked.get());
    ASSERT_TRUE(routed) << row.path;
    EXPECT_EQ(routed->route_index, row.index) << row.method << ' ' << row.path;
    EXPECT_EQ(routed->route == nullptr ? "" : routed->route->name, row.route) << row.path;
    if (routed->route != nullptr) EXPECT_EQ(routed->policies, &routed->route->policies);
  }
}

TEST(Router, RefusesDotSegmentsInAnyDisguise) {
  Router router(example());
  for (const std::string_view path :
       {"/openai/v1/../admin", "/openai/v1/..", "/openai/./v1", "/..", "/.", "/openai/%2e%2e/x",
        "/openai/.%2E/x", "/openai/v1/a%2f..%2fb", "/openai/v1/a%5C..", "/openai/v1/a\\..\\b",
        "/openai/v1/..;x=1/b", "/openai/v1/%2e%3bx"}) {
    Asked asked("GET", std::string(path));
    const auto routed = router.route(asked.get());
    ASSERT_FALSE(routed) << path;
    EXPECT_EQ(routed.error().status, 400) << path;
    EXPECT_EQ(routed.error().code, "ambiguous_path") << path;
  }
  for (const std::string_view path :
       {"/openai/v1/...", "/openai/v1/.well-known", "/openai/v1/a..b", "/openai/v1/x;..",
        "/openai/v1/%252e%252e", "/openai/v1/a.json"}) {
    Asked asked("GET", std::string(path));
    EXPECT_TRUE(router.route(asked.get())) << path;
  }
}

struct Slip {
  std::string_view path;
  std::string_view code;
  std::string_view right;  // behind the origin
};

TEST(Router, NamesTheRightUrlForAMistypedBaseUrl) {
  Router router(example());
  const Slip cases[] = {
      {"/openai/chat/completions", "wrong_version", "/openai/v1/chat/completions"},
      {"/openai/chat/completions?a=b&key=AIza", "wrong_version",
       "/openai/v1/chat/completions?a=b&key=REDACTED"},
      {"/openai/v2/chat/completions", "wrong_version", "/openai/v1/chat/completions"},
      {"/openai/v1beta/models", "wrong_version", "/openai/v1/models"},
      {"/openai", "wrong_version", "/openai/v1"},
      {"/openai/", "wrong_version", "/openai/v1"},
      {"/openai//v1/models", "wrong_version", "/openai/v1/models"},
      {"/openai/openai/v1/models", "wrong_version", "/openai/v1/models"},
      {"/openai/v10/models", "wrong_version", "/openai/v1/v10/models"},
      {"/openai/v1/v1/models", "doubled_version", "/openai/v1/models"},
      {"/openai/v1/v1/v1/models", "doubled_version", "/openai/v1/models"},
      {"/openai/v1/v1beta/models", "doubled_version", "/openai/v1/models"},
      {"/anthropic/v1/v1/messages", "doubled_version", "/anthropic/v1/messages"},
      {"/openai/v1/chat/completions/chat/completions", "doubled_endpoint",
       "/openai/v1/chat/completions"},
      {"/anthropic/v1/messages/v1/messages", "doubled_endpoint", "/anthropic/v1/messages"},
      {"/openay/v1/models", "unknown_path", "/openai/v1/models"},
      {"/opnai/v1/models?x=1", "unknown_path", "/openai/v1/models?x=1"},
      {"/v1/chat/completions", "unknown_path", "/openai/v1/chat/completions"},
      {"/nothing/like/it", "unknown_path", ""},
      {"//openai/v1", "unknown_path", ""},
      {"/%6fpenai/v1/models", "unknown_path", ""},
  };
  for (const Slip& row : cases) {
    Asked asked("POST", std::string(row.path));
    const auto routed = router.route(asked.get());
    ASSERT_FALSE(routed) << row.path;
    const Misroute& misroute = routed.error();
    EXPECT_EQ(misroute.status, 404) << row.path;
    EXPECT_EQ(misroute.code, row.code) << row.path;
    const std::string right =
        row.right.empty() ? "" : "http://127.0.0.1:4170" + std::string(row.right);
    EXPECT_EQ(misroute.suggestion, right) << row.path;
    EXPECT_NE(misroute.detail.find(right), std::string::npos) << misroute.detail;
    EXPECT_EQ(misroute.detail.find("AIza"), std::string::npos) << misroute.detail;
    EXPECT_NE(http::find_problem_kind(misroute.code), nullptr) << misroute.code;
  }
}

TEST(Router, ARepeatedNameIsNoSlip) {
  Router router(example());
  for (const std::string_view path : {"/openai/v1/models/models", "/openai/v1/files/v1",
                                      "/openai/v1/a/b/a/c", "/erp/v1/v1", "/erp/a/b/a/b"}) {
    Asked asked("GET", std::string(path));
    EXPECT_TRUE(router.route(asked.get())) << path;
  }
}

TEST(Router, ListsThePrefixesForAnUnknownOne) {
  Router router(example());
  Asked asked("POST", "/nothing");
  const auto routed = router.route(asked.get());
  ASSERT_FALSE(routed);
  for (const std::string_view prefix : {"/openai", "/anthropic", "/erp", "/team/local"}) {
    EXPECT_NE(routed.error().detail.find(prefix), std::string::npos) << routed.error().detail;
  }
}

TEST(Router, FindsUpstreamsByHostInAbsoluteForm) {
  Router router(example());
  struct Case {
    std::string scheme, host, target;
    std::string_view upstream, sent;
    std::uint32_t route;
  };
  const Case cases[] = {
      {"https", "api.openai.com", "/v1/models", "openai", "/v1/models", 0},
      {"http", "api.openai.com", "/v1/models", "openai", "/v1/models", 0},
      {"https", "API.OpenAI.com:443", "/v2/free", "openai", "/v2/free", 0},
      {"https", "api.openai.com.", "/", "openai", "/", 0},
      {"http", "erp.internal:8080", "/api/invoices", "erp", "/api/invoices", 2},
      {"http", "www.example.com", "/api/x", "erp", "/api/x", 0},
      {"https", "www.example.com", "/elsewhere", "erp", "/elsewhere", 0},
      {"http", "127.0.0.1:11434", "/api/tags", "local", "/api/tags", 0},
      {"http", "[::1]:9000", "/x", "team", "/x", 0},
      // The proxy's own address: base-URL mode.
      {"http", "127.0.0.1:4170", "/openai/v1/models", "openai", "/v1/models", 0},
      {"http", "localhost:4170", "/erp/x", "erp", "/api/x", 0},
  };
  for (const Case& row : cases) {
    Asked asked = Asked::url(row.scheme, row.host, row.target);
    const auto routed = router.route(asked.get());
    ASSERT_TRUE(routed) << row.host << ": " << routed.error().detail;
    EXPECT_EQ(routed->upstream->name, row.upstream) << row.host;
    EXPECT_EQ(routed->target, row.sent) << row.host;
    EXPECT_EQ(routed->route_index, row.route) << row.host;
  }
}

TEST(Router, ForwardsToOtherHostsOnlyWhenEnabled) {
  auto config = example();
  Asked asked = Asked::url("https", "Other.Example:8443", "/x?y");
  const auto refused = Router(config).route(asked.get());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 403);
  EXPECT_EQ(refused.error().code, "forward_disabled");

  config->server.forward.enabled = true;
  Router router(config);
  const auto routed = router.route(asked.get());
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->upstream, nullptr);
  EXPECT_EQ(routed->upstream_index, config->upstreams.size());
  EXPECT_NE(routed->policies, nullptr);
  EXPECT_EQ(routed->way, Way::kForward);
  EXPECT_EQ(routed->target, "/x?y");
  EXPECT_EQ(routed->forward_host, "other.example");
  EXPECT_EQ(routed->forward_port, 8443);
  EXPECT_TRUE(routed->forward_tls);

  Asked plain = Asked::url("http", "other.example", "/");
  EXPECT_EQ(router.route(plain.get())->forward_port, 80);
  Asked numeric = Asked::url("http", "2130706433", "/");
  EXPECT_EQ(router.route(numeric.get()).error().status, 400);
}

TEST(Router, TunnelsToNamedHostsAlwaysAndToOthersWhenEnabled) {
  auto config = example();
  Router closed(config);
  Asked known = Asked::connect("api.openai.com:443");
  const auto routed = closed.route(known.get());
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->way, Way::kTunnel);
  EXPECT_EQ(routed->upstream->name, "openai");
  EXPECT_EQ(routed->forward_host, "api.openai.com");
  EXPECT_EQ(routed->forward_port, 443);

  Asked other = Asked::connect("other.example:443");
  EXPECT_EQ(closed.route(other.get()).error().code, "forward_disabled");
  Asked wrong_port = Asked::connect("api.openai.com:22");
  EXPECT_EQ(closed.route(wrong_port.get()).error().code, "forward_disabled");
  Asked no_port = Asked::connect("api.openai.com");
  EXPECT_EQ(closed.route(no_port.get()).error().status, 400);

  config->server.forward.enabled = true;
  Router open(config);
  const auto tunnel = open.route(other.get());
  ASSERT_TRUE(tunnel);
  EXPECT_EQ(tunnel->upstream, nullptr);
  EXPECT_EQ(tunnel->forward_host, "other.example");
}

// RFC 8441: a WebSocket over HTTP/2 has an ordinary path.
TEST(Router, RoutesAnExtendedConnectByItsPath) {
  Router router(example());
  Asked asked("CONNECT", "/openai/v1/realtime");
  asked.head.protocol = "websocket";
  const auto routed = router.route(asked.get());
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->target, "/v1/realtime");
  EXPECT_EQ(routed->way, Way::kBaseUrl);
}

TEST(Router, TakesAHostThatNamesAnUpstreamForThatUpstream) {
  Router router(example());
  Asked asked("POST", "/v1/chat/completions", "api.openai.com");
  const auto routed = router.route(asked.get());
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->upstream->name, "openai");
  EXPECT_EQ(routed->way, Way::kTransparent);
  EXPECT_EQ(routed->target, "/v1/chat/completions");
  Asked below("POST", "/api/invoices/1", "ERP.example.com");
  EXPECT_EQ(router.route(below.get())->route_index, 1U);
}

TEST(Router, AnEmptyPrefixTakesWhatNoOtherDoes) {
  auto config = example();
  config->upstreams.back().path_prefix = "/";
  Router router(config);
  Asked asked("GET", "/anything?x");
  const auto routed = router.route(asked.get());
  ASSERT_TRUE(routed);
  EXPECT_EQ(routed->upstream->name, "team");
  EXPECT_EQ(routed->target, "/anything?x");
  Asked openai("GET", "/openai/v1/models");
  EXPECT_EQ(router.route(openai.get())->upstream->name, "openai");
}

TEST(Router, AnswersOptionsOfTheServerItself) {
  Router router(example());
  Asked asked("OPTIONS", "*");
  asked.head.form = TargetForm::kAsterisk;
  EXPECT_EQ(router.route(asked.get()).error().status, 204);
}

std::string_view body(const http::Response& response) {
  return response.body.whole()->view();
}

TEST(FirstRunPage, ShowsTheBaseUrlsAtTheRoot) {
  Router router(example());
  Asked asked("GET", "/");
  const auto misroute = router.route(asked.get());
  ASSERT_FALSE(misroute);
  EXPECT_EQ(misroute.error().status, 200);

  const auto text = make_misroute_response(misroute.error(), router.config(), asked.get(), "ID");
  EXPECT_EQ(text.head.status, 200);
  EXPECT_EQ(text.head.headers.get(http::HeaderId::kContentType), "text/plain; charset=utf-8");
  EXPECT_NE(body(text).find("http://127.0.0.1:4170/openai/v1\n"), std::string_view::npos)
      << body(text);
  EXPECT_NE(body(text).find("http://127.0.0.1:4170/anthropic\n"), std::string_view::npos)
      << body(text);
  EXPECT_NE(body(text).find("OPENAI_BASE_URL=http://127.0.0.1:4170/openai/v1"),
            std::string_view::npos);

  asked.head.headers.add("Accept", "text/html,application/xhtml+xml");
  const auto html = make_misroute_response(misroute.error(), router.config(), asked.get(), "ID");
  EXPECT_EQ(html.head.headers.get(http::HeaderId::kContentType), "text/html; charset=utf-8");
  EXPECT_NE(body(html).find("<code>http://127.0.0.1:4170/openai/v1</code>"),
            std::string_view::npos);
}

TEST(FirstRunPage, EscapesWhatAClientSaysItIs) {
  const std::string html = first_run_html(*example(), "http://<script>alert('1')</script>&");
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(&#39;1&#39;)"), std::string::npos);
}

TEST(FirstRunPage, AnswersSlipsInTheUpstreamsOwnFormat) {
  Router router(example());
  Asked asked("POST", "/anthropic/v1/v1/messages");
  const auto misroute = router.route(asked.get());
  const auto answer = make_misroute_response(misroute.error(), router.config(), asked.get(), "ID");
  EXPECT_EQ(answer.head.status, 404);
  EXPECT_TRUE(body(answer).starts_with(R"({"type":"error","error":{"type":"not_found_error")"))
      << body(answer);
  EXPECT_NE(body(answer).find("use http://127.0.0.1:4170/anthropic\""), std::string_view::npos)
      << body(answer);
}

}  // namespace
}  // namespace outrigger::upstream
