#include "tests/support/proxy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fmt/ranges.h>

namespace outrigger::test {

// ---- configuration ----

ProxyConfig& ProxyConfig::upstream(const std::string& name, Upstream& upstream,
                                   const std::string& extra) {
  scripted_.push_back(&upstream);
  return this->upstream(name, upstream.url(), extra);
}

ProxyConfig& ProxyConfig::upstream(const std::string& name, const std::string& url,
                                   const std::string& extra) {
  std::vector<std::string> keys;
  if (!extra.contains("use: ")) keys.emplace_back("use: http");
  if (!url.empty()) keys.push_back(fmt::format("url: \"{}\"", url));
  if (!extra.empty()) keys.push_back(extra);
  upstreams_ += fmt::format("  {}: {{{}}}\n", name, fmt::join(keys, ", "));
  return *this;
}

ProxyConfig& ProxyConfig::endpoints(const std::string& name,
                                    const std::vector<Upstream*>& endpoints,
                                    const std::string& extra) {
  std::string list;
  for (Upstream* endpoint : endpoints) {
    scripted_.push_back(endpoint);
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", endpoint->url());
  }
  const std::string more = extra.empty() ? "" : ", " + extra;
  return upstream(name, "", fmt::format("endpoints: [{}]{}", list, more));
}

ProxyConfig& ProxyConfig::server(const std::string& extra) {
  server_ += ", " + extra;
  return *this;
}

ProxyConfig& ProxyConfig::workers(int count) {
  workers_ = count;
  return *this;
}

ProxyConfig& ProxyConfig::defaults(const std::string& policies) {
  defaults_ = policies;
  return *this;
}

ProxyConfig& ProxyConfig::store(const std::string& keys) {
  store_ = fmt::format("store: {{{}}}\n", keys);
  return *this;
}

ProxyConfig& ProxyConfig::drain(const std::string& keys) {
  drain_ = keys;
  return *this;
}

ProxyConfig& ProxyConfig::watch() {
  watch_ = true;
  return *this;
}

ProxyConfig& ProxyConfig::tls(const std::string& certificate, const std::string& key,
                              const std::string& client_ca) {
  const std::string clients =
      client_ca.empty() ? "" : fmt::format(", client_ca_file: \"{}\"", client_ca);
  return server(fmt::format("tls: {{certificate_file: \"{}\", key_file: \"{}\"{}}}", certificate,
                            key, clients));
}

std::string ProxyConfig::yaml(std::uint16_t port, std::uint16_t admin, std::uint16_t health) const {
  return fmt::format(
      "version: 1\n"
      "server: {{listen: \"127.0.0.1:{}\", admin: \"127.0.0.1:{}\", health: \"127.0.0.1:{}\", "
      "workers: {}, drain: {{{}}}, watch: {}, log_format: json{}}}\n"
      "defaults: {{{}}}\n"
      "{}"
      "upstreams:\n{}",
      port, admin, health, workers_, drain_, watch_, server_, defaults_, store_, upstreams_);
}

// ---- life ----

Proxy::Proxy(const std::string& binary, const ProxyConfig& config, ProxyOptions options)
    : options_(std::move(options)), scripted_(config.scripted()) {
  const std::filesystem::path file = config_path();
  if (options_.config_map) {
    std::filesystem::create_directories(file.parent_path() / "..first");
    std::filesystem::create_symlink("..first", file.parent_path() / "..data");
    std::filesystem::create_symlink("..data/" + file.filename().string(), file);
  }
  write_config(config);
  // Freed memory that AddressSanitizer holds back would hide what the memory tests measure.
  ::setenv("ASAN_OPTIONS", "quarantine_size_mb=4:thread_local_quarantine_size_kb=64", 0);
  ::setenv("UBSAN_OPTIONS", "print_stacktrace=1", 0);
  process_ = std::make_unique<Process>(std::vector<std::string>{binary, "run", config_path()},
                                       ProcessOptions{.folder = folder_.path(""),
                                                      .max_files = options_.max_files,
                                                      .max_file_bytes = options_.max_file_bytes,
                                                      .resolv_conf = options_.resolv_conf});
  wait_until_ready();
  // The connection that asked for readiness may linger for a moment.
  descriptors_before_ = process_->descriptors().size();
  std::this_thread::sleep_for(20ms);
  descriptors_before_ = std::min(descriptors_before_, process_->descriptors().size());
}

Proxy::~Proxy() {
  try {
    finish();
  } catch (const std::exception& failure) {
    ADD_FAILURE() << failure.what();
  }
}

void Proxy::write_config(const ProxyConfig& config) {
  write_file(config_path(), yaml(config));
}

void Proxy::wait_until_ready() {
  const bool ready = eventually([&] {
    if (const auto code = process_->exit_code()) {
      give_up("the proxy exited with {} instead of serving:\n{}\n{}", *code, log(),
              read_file(config_path()));
    }
    try {
      return health("/readyz").status == 200;
    } catch (const Failure&) {
      return false;  // not listening yet
    }
  });
  if (!ready) give_up("the proxy did not become ready:\n{}", log());
}

void Proxy::finish() {
  if (std::exchange(finished_, true)) return;
  for (Upstream* upstream : scripted_) upstream->drop_connections();
  if (process_->exit_code().has_value()) {
    ADD_FAILURE() << "the proxy died with " << *process_->exit_code() << ":\n" << log();
    return;
  }
  if (options_.check_descriptors) expect_no_leaked_descriptors();
  process_->signal(SIGTERM);
  finished_ = false;
  expect_exit(0);
}

void Proxy::expect_exit(int code, Deadline deadline) {
  finished_ = true;
  const std::optional<int> seen = process_->wait_exit(deadline);
  EXPECT_EQ(seen.value_or(-1), code) << (seen ? "" : "the proxy does not stop; ") << "its log:\n"
                                     << log();
  expect_clean_stderr();
  if (::testing::Test::HasFailure()) {
    fmt::print(stderr, "---- the proxy's stderr ----\n{}\n---- its stdout ----\n{}\n", log(),
               process_->standard_output());
  }
}

void Proxy::expect_no_leaked_descriptors() {
  // The store and the cache are opened when there is something to keep, and then stay open.
  const auto of_store = [](const std::string& descriptor) {
    return descriptor.contains("/outrigger-data/state/") ||
           descriptor.contains("/outrigger-data/cache/");
  };
  const bool gone = eventually(
      [&] {
        std::vector<std::string> open = process_->descriptors();
        std::erase_if(open, of_store);
        return open.size() <= descriptors_before_;
      },
      Deadline(10s));
  if (gone) return;
  std::string list;
  for (const std::string& descriptor : process_->descriptors()) list += "\n  " + descriptor;
  ADD_FAILURE() << "descriptors leaked: " << descriptors_before_ << " before, now" << list;
}

void Proxy::expect_clean_stderr() {
  const std::string text = log();
  for (const char* report : {"Sanitizer", "runtime error:", "Assertion", "terminate called"}) {
    EXPECT_EQ(text.find(report), std::string::npos) << text;
  }
}

// ---- asking ----

Response Proxy::fetch(const Request& request) {
  return Client(port()).fetch(request);
}

Response Proxy::health(const std::string& path) {
  return Client(health_port()).fetch(get(path, {{"Connection", "close"}}));
}

double Proxy::metric(const std::string& sample) {
  std::istringstream lines(health("/metrics").body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(sample + " ")) return std::stod(line.substr(sample.size() + 1));
  }
  return 0;
}

double Proxy::metric_sum(const std::string& name, const std::string& label) {
  double sum = 0;
  std::istringstream lines(health("/metrics").body);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view sample = std::string_view(line).substr(0, line.rfind(' '));
    if (sample.substr(0, sample.find('{')) != name) continue;
    if (sample.find(label) != std::string_view::npos)
      sum += std::stod(line.substr(sample.size() + 1));
  }
  return sum;
}

void Proxy::reload(const ProxyConfig& config, const std::string& outcome) {
  const std::string counter = "outrigger_config_reloads_total";
  const double before = metric_sum(counter, "\"" + outcome + "\"");
  for (Upstream* upstream : config.scripted()) scripted_.push_back(upstream);
  write_config(config);
  process_->signal(SIGHUP);
  if (!eventually([&] { return metric_sum(counter, "\"" + outcome + "\"") > before; })) {
    give_up("no reload with the outcome {}:\n{}", outcome, log());
  }
}

std::vector<nlohmann::json> Proxy::access_log() const {
  std::vector<nlohmann::json> list;
  std::istringstream lines(process_->standard_output());
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (entry.is_object() && entry.value("logger", "") == "access")
      list.push_back(std::move(entry));
  }
  return list;
}

nlohmann::json Proxy::access_line(const std::function<bool(const nlohmann::json&)>& fits) {
  nlohmann::json found;
  const bool there = eventually([&] {
    for (nlohmann::json& line : access_log()) {
      if (!fits(line)) continue;
      found = std::move(line);
      return true;
    }
    return false;
  });
  if (!there) give_up("no such line in the access log:\n{}", process_->standard_output());
  return found;
}

nlohmann::json Proxy::access_line_of(const std::string& path) {
  return access_line([&](const nlohmann::json& line) { return line.value("path", "") == path; });
}

}  // namespace outrigger::test
