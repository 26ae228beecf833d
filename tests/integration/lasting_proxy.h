// A proxy that is ended and started again in the same folder, for what it keeps over its end.
#pragma once

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/scenario.h"
#include "tests/support/process.h"
#include "tests/support/socket.h"

namespace outrigger::test {

// What a fixture derives from. It writes `outrigger.yaml` itself, with these ports, and stops the
// proxy while its upstreams are there.
class LastingProxy {
 protected:
  LastingProxy() = default;
  LastingProxy(const LastingProxy&) = delete;
  LastingProxy& operator=(const LastingProxy&) = delete;
  ~LastingProxy() { stop(SIGKILL); }

  // Members of `server` in flow style.
  [[nodiscard]] std::string addresses() const {
    return fmt::format("listen: 127.0.0.1:{}, admin: 127.0.0.1:{}, health: 127.0.0.1:{}",
                       port_.number(), admin_.number(), health_.number());
  }
  void start() {
    process_ =
        std::make_unique<Process>(std::vector<std::string>{binary(), "run", "outrigger.yaml"},
                                  ProcessOptions{.folder = folder_.path("")});
    const bool ready = eventually([&] {
      if (process_->exit_code()) give_up("it ended: {}", process_->standard_error());
      try {
        return Client(health_.number()).fetch(get("/readyz")).status == 200;
      } catch (const Failure&) {
        return false;
      }
    });
    ASSERT_TRUE(ready);
  }
  void stop(int signal) {
    if (process_ == nullptr) return;
    process_->signal(signal);
    process_->wait_exit();
    for (const char* report : {"Sanitizer", "runtime error:", "Assertion"}) {
      EXPECT_FALSE(process_->standard_error().contains(report)) << process_->standard_error();
    }
    process_.reset();
  }
  [[nodiscard]] static std::string binary() {
    const char* other = std::getenv("OUTRIGGER_BINARY");
    return other == nullptr ? OUTRIGGER_BINARY : other;
  }
  // The value of a sample of the metrics; 0 where there is none.
  [[nodiscard]] double metric(const std::string& sample) const {
    const std::string page = Client(health_.number()).fetch(get("/metrics")).body;
    const std::size_t at = page.find("\n" + sample + " ");
    return at == std::string::npos ? 0 : std::stod(page.substr(at + sample.size() + 2));
  }

  TemporaryFolder folder_;
  const ReservedPort port_, admin_, health_;
  std::unique_ptr<Process> process_;
};

}  // namespace outrigger::test
