// The admin port over sockets: what only the server itself decides.
#include "proxy/admin_server.h"

#include <filesystem>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "proxy/admin/answers.h"
#include "proxy/admin/system_pages.h"
#include "tests/unit/proxy/admin_request.h"

namespace outrigger {
namespace {

using admin::Call;
using admin::json_answer;

std::vector<admin::Route> routes() {
  std::vector<admin::Route> all = admin::system_routes(
      {.state =
           [] {
             return admin::HealthState{admin::Lifecycle::kReady, {}, "1.2.3", "9f31c2aa", "a.yaml"};
           },
       .uptime = [] { return Duration{3'900ms}; },
       .metrics = [](Exposition) { return std::string("outrigger_x 1\n"); }});
  all.push_back({http::Method::kPost, "/echo", {}, [](const Call& call) {
                   return json_answer(fmt::format("[{},\"{}\"]", call.body, call.peer));
                 }});
  all.push_back({http::Method::kGet, "/bug", {}, [](const Call&) -> http::Response {
                   throw std::runtime_error("a bug");
                 }});
  return all;
}

// A server on a loop of its own thread; the test speaks to it over plain sockets.
class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "admin-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    sink_ = std::move(*LogSink::open(folder_ + "/log"));
    log_ = std::make_unique<Logger>(*sink_, LogLevel::kInfo, LogStyle::kJson);
    Fd listening =
        std::move(*bind_listener(SocketAddress::parse("127.0.0.1", 0).value(), ReusePort::kNo));
    address_ = local_address(listening);
    thread_ = std::thread([this, socket = std::move(listening)]() mutable {
      const AdminServer server(loop_, std::move(socket), Secret(), *log_, routes());
      loop_.run();
    });
  }
  ~AdminServerTest() override {
    loop_.stop();
    thread_.join();
    log_.reset();
    sink_.reset();
    std::filesystem::remove_all(folder_);
  }

  // All that comes back for these bytes until the server closes.
  std::string exchange(std::string_view bytes) const {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), address_.raw(), address_.size()) != 0) return "no connection";
    (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string all;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  std::string get(const std::string& path) const {
    return exchange("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }
  std::string post(const std::string& body, const std::string& fields = {}) const {
    return exchange(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Content-Type: application/json\r\n" +
        fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static int status_of(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
  }

  EventLoop loop_;
  std::string folder_;
  std::unique_ptr<LogSink> sink_;
  std::unique_ptr<Logger> log_;
  SocketAddress address_;
  std::thread thread_;
};

TEST_F(AdminServerTest, ServesThePagesOfTheHealthPort) {
  for (const std::string path : {"/livez", "/readyz", "/startupz?verbose"}) {
    const std::string answer = get(path);
    EXPECT_EQ(status_of(answer), 200) << path;
    EXPECT_TRUE(answer.contains("\"status\":\"ok\"")) << answer;
  }
  EXPECT_TRUE(get("/metrics").ends_with("\r\n\r\noutrigger_x 1\n"));
}

TEST_F(AdminServerTest, SaysWhatItIs) {
  const std::string answer = get("/api/v1/info");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(answer.contains("Cache-Control: no-store\r\n")) << answer;
  EXPECT_TRUE(
      answer.ends_with("\r\n\r\n{\"version\":\"1.2.3\",\"uptime_s\":3,\"state\":\"ready\","
                       "\"config\":{\"hash\":\"9f31c2aa\",\"source\":\"a.yaml\"}}\n"))
      << answer;
}

TEST_F(AdminServerTest, AnswersHeadWithoutABody) {
  const std::string answer =
      exchange("HEAD /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(AdminServerTest, SpeaksHttp2WithPriorKnowledge) {
  // The preface and an empty SETTINGS frame; the server's own SETTINGS answer them.
  const std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string settings(9, '\0');
  std::string bytes = std::string(preface) + settings;
  bytes[preface.size() + 3] = 4;
  const std::string goaway("\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
  const std::string answer = exchange(bytes + goaway);
  ASSERT_GT(answer.size(), 9u);
  EXPECT_EQ(answer[3], 4);
}

TEST_F(AdminServerTest, GivesAHandlerTheWholeBodyAndWhoAsks) {
  const std::string answer = post(R"({"a":1})");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_TRUE(answer.contains(R"([{"a":1},"127.0.0.1:)")) << answer;
  const std::string long_text = "\"" + std::string(300'000, 'x') + "\"";
  EXPECT_TRUE(post(long_text).contains(long_text));
}

TEST_F(AdminServerTest, LooksAtTheDoorBeforeAnythingElse) {
  const std::string answer = exchange(
      "POST /echo HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"
      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(status_of(answer), 421);
  EXPECT_TRUE(answer.contains("urn:outrigger:error:admin_host_unknown")) << answer;
  EXPECT_EQ(status_of(exchange("GET /nothing HTTP/1.0\r\n\r\n")), 421) << "no Host at all";
}

TEST_F(AdminServerTest, ABodyThatIsNoJsonReachesNoHandler) {
  for (const std::string body : {"", "{", "{} {}", "a=b"}) {
    const std::string answer = post(body);
    EXPECT_EQ(status_of(answer), 400) << body;
    EXPECT_TRUE(answer.contains("admin_bad_request")) << answer;
  }
}

TEST_F(AdminServerTest, ABodyHasABound) {
  const std::string most = "\"" + std::string(AdminServer::kMaxBody - 2, 'x') + "\"";
  EXPECT_EQ(status_of(post(most)), 200);
  const std::string answer = post(most + " ");
  EXPECT_EQ(status_of(answer), 413);
  EXPECT_TRUE(answer.contains("body_too_large")) << answer;
}

TEST_F(AdminServerTest, AMalformedRequestIsAnsweredAsAProblem) {
  const std::string answer = exchange("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  EXPECT_EQ(status_of(answer), 400);
  EXPECT_TRUE(answer.contains("application/problem+json")) << answer;
}

TEST_F(AdminServerTest, ABugCostsOneRequest) {
  EXPECT_EQ(status_of(get("/bug")), 500);
  EXPECT_EQ(status_of(get("/livez")), 200);
}

}  // namespace
}  // namespace outrigger
