// The real proxy as a child process, with its configuration in a temporary folder. When it goes it
// is asked to stop, and the test fails if it does not exit with 0, if it leaked a descriptor, or if
// a sanitizer reported anything.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/upstream.h"

namespace outrigger::test {

// A configuration file with the ports filled in later. Extra keys are YAML in flow style: "a: 1, b:
// 2".
class ProxyConfig {
 public:
  // An upstream `name` at the scripted `upstream`, reached as "/<name>/..."; by the profile `http`
  // unless `extra` has a `use`.
  ProxyConfig& upstream(const std::string& name, Upstream& upstream, const std::string& extra = {});
  // An upstream of any address.
  ProxyConfig& upstream(const std::string& name, const std::string& url,
                        const std::string& extra = {});
  // One upstream with several endpoints.
  ProxyConfig& endpoints(const std::string& name, const std::vector<Upstream*>& endpoints,
                         const std::string& extra = {});
  // Further keys of `server`; not listen, admin, health, workers, drain, watch or log_format.
  ProxyConfig& server(const std::string& extra);
  ProxyConfig& workers(int count);
  // Policies of all upstreams. Without a call none repeats or refuses: what the upstream says comes
  // through as it is.
  ProxyConfig& defaults(const std::string& policies);
  // Keys of `store`.
  ProxyConfig& store(const std::string& keys);
  ProxyConfig& drain(const std::string& keys);
  // A change of the file is loaded by itself; otherwise only by SIGHUP.
  ProxyConfig& watch();
  // The proxy port speaks TLS.
  ProxyConfig& tls(const std::string& certificate, const std::string& key,
                   const std::string& client_ca = {});

  [[nodiscard]] std::string yaml(std::uint16_t port, std::uint16_t admin,
                                 std::uint16_t health) const;
  [[nodiscard]] const std::vector<Upstream*>& scripted() const { return scripted_; }

 private:
  std::string server_;
  std::string upstreams_;
  std::string drain_ = "announce: 10ms, streams: 10s";
  std::string defaults_ = "retry: none, circuit_breaker: none";
  std::string store_;
  int workers_ = 2;
  bool watch_ = false;
  std::vector<Upstream*> scripted_;
};

struct ProxyOptions {
  std::optional<std::uint64_t> max_files = {};
  std::optional<std::uint64_t> max_file_bytes = {};
  std::string resolv_conf = {};
  bool check_descriptors = true;
  std::string config_name = "outrigger.yaml";  // relative to the folder
  // Lays the file out as a mounted ConfigMap: name -> ..data/name, ..data -> ..first.
  bool config_map = false;
};

class Proxy {
 public:
  // Starts OUTRIGGER_BINARY and waits until it is ready. The scripted upstreams must outlive it.
  Proxy(const std::string& binary, const ProxyConfig& config, ProxyOptions options = {});
  ~Proxy();

  [[nodiscard]] std::uint16_t port() const { return port_.number(); }
  [[nodiscard]] std::uint16_t health_port() const { return health_.number(); }
  [[nodiscard]] std::uint16_t admin_port() const { return admin_.number(); }
  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }
  [[nodiscard]] std::string config_path() const { return folder_.path(options_.config_name); }

  // One request on a connection of its own.
  Response fetch(const Request& request);
  Response health(const std::string& path);
  // The value of a sample line, "name" or "name{label=\"x\"}"; 0 when it is absent.
  double metric(const std::string& sample);
  // The sum over all samples of that name whose labels contain `label`.
  double metric_sum(const std::string& name, const std::string& label = {});

  // Rewrites the file in place, sends SIGHUP and waits for the outcome ("ok", "invalid",
  // "unchanged").
  void reload(const ProxyConfig& config, const std::string& outcome = "ok");
  void write_config(const ProxyConfig& config);
  [[nodiscard]] std::string yaml(const ProxyConfig& config) const {
    return config.yaml(port(), admin_port(), health_port());
  }

  // The access log so far.
  [[nodiscard]] std::vector<nlohmann::json> access_log() const;
  // Waits for the first line that fits; throws when none comes.
  nlohmann::json access_line(const std::function<bool(const nlohmann::json&)>& fits);
  nlohmann::json access_line_of(const std::string& path);
  // All that it wrote to stderr.
  [[nodiscard]] std::string log() const { return process_->standard_error(); }

  // Does at once what the destructor does, so that a test can go on after it.
  void finish();
  // The test ended the process itself, and it must have exited with this code.
  void expect_exit(int code, Deadline deadline = Deadline());

 private:
  void wait_until_ready();
  void expect_no_leaked_descriptors();
  void expect_clean_stderr();

  ProxyOptions options_;
  TemporaryFolder folder_;
  std::vector<Upstream*> scripted_;
  const ReservedPort port_, admin_, health_;
  std::unique_ptr<Process> process_;
  std::size_t descriptors_before_ = 0;
  bool finished_ = false;
};

}  // namespace outrigger::test
