// The ports that the main thread serves itself, apart from the traffic: health and admin.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "config/config.h"
#include "filters/cache/answer_cache.h"
#include "proxy/admin/health_page.h"
#include "proxy/admin_server.h"
#include "proxy/answer_cache_admin.h"
#include "proxy/health_server.h"

namespace outrigger {

class OwnPorts {
 public:
  // Adds their addresses to `addresses`: health, then admin. Errors, for a person.
  Status bind(const config::Server& server, std::vector<SocketAddress>& addresses);

  // What they serve; all of it outlives this.
  struct Serves {
    EventLoop& loop;
    MetricRegistry& metrics;
    Logger& log;
    filters::AnswerCache& answers;
    std::function<admin::HealthState()> state;  // asked for each request
    std::function<void()> publish;              // before each exposition of metrics
  };
  void serve(Serves serves, const config::CacheStore& cache);

 private:
  static Status bind_one(const config::ListenAddress& listen, Fd& socket,
                         std::vector<SocketAddress>& addresses);
  [[nodiscard]] std::vector<admin::Route> routes(const Serves& serves);

  Fd health_socket_, admin_socket_;
  Secret admin_token_;
  std::optional<AnswerCacheAdmin> cache_admin_;
  std::unique_ptr<HealthServer> health_;
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace outrigger
