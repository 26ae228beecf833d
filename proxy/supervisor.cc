#include "proxy/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "config/loader.h"
#include "proxy/admin/process_metrics.h"
#include "proxy/base/random.h"
#include "proxy/base/version.h"
#include "proxy/base/wall_clock.h"
#include "proxy/config_watch.h"
#include "proxy/keeper.h"
#include "proxy/net/listener.h"
#include "proxy/overload_watch.h"
#include "proxy/own_ports.h"
#include "proxy/signals.h"
#include "proxy/startup.h"
#include "proxy/worker.h"

namespace outrigger {
namespace {

void complain(std::string_view text) {
  fmt::print(stderr, "outrigger: {}\n", text);
}

constexpr Duration kKeepEvery = 1s;

class Supervisor final : private Timer {
 public:
  explicit Supervisor(const RunOptions& options) : options_(options) {}
  ~Supervisor();
  int run();

 private:
  struct Logs {
    std::unique_ptr<LogSink> process, access;
    std::unique_ptr<Logger> logger;
  };
  config::Loaded read_config() const;
  config::Snapshot load();
  std::optional<config::Snapshot> overridden(const config::Snapshot& loaded);
  Status open_logs();
  [[nodiscard]] LogStyle style_of(const LogSink& sink) const;
  Status make_process();
  Status share_among_filters();
  void keep_cooldowns();
  void begin_records();
  void begin_cache();
  void on_fire() override;
  void bear(const config::Overload& policy);
  void mask_secrets_of(const config::Config& now, const config::Config& before);
  Status bind();
  Status start();
  void serving();
  void say_where();
  void on_signal(int signal);
  void reload(std::string_view reason);
  void drain();
  void end_streams();
  void finish(int code);
  void publish_state();
  void publish();
  [[nodiscard]] admin::HealthState health() const;
  [[nodiscard]] Logger& log() { return *logs_.logger; }

  RunOptions options_;
  EventLoop loop_;
  config::Snapshot config_;
  Logs logs_;
  std::unique_ptr<MetricRegistry> metrics_;
  MetricShard* shard_ = nullptr;
  std::unique_ptr<filters::Shared> filters_;
  std::unique_ptr<OverloadWatch> overload_;
  std::unique_ptr<ProcessState> process_;
  std::shared_ptr<TlsTicketKeys> ticket_keys_ = std::make_shared<TlsTicketKeys>();
  std::vector<std::vector<Fd>> sockets_;  // [worker][address]
  std::vector<SocketAddress> addresses_;  // for clients, then health and admin
  std::shared_ptr<const Blueprint> blueprint_;
  std::vector<std::unique_ptr<Worker>> workers_;
  OwnPorts own_ports_;
  std::unique_ptr<Signals> signals_;
  std::unique_ptr<ConfigWatch> watch_;
  CancelScope scope_;
  TaskGroup tasks_{loop_};
  admin::Lifecycle lifecycle_ = admin::Lifecycle::kStarting;
  std::optional<Keeper> keeper_;
  bool records_begun_ = false;
  bool cache_begun_ = false;
  unsigned serving_ = 0;
  unsigned drained_ = 0;
  int code_ = kExitFine;
};

Supervisor::~Supervisor() {
  disarm();
  if (filters_) filters_->files.stop();  // while the loops that it posts to are there
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  if (filters_ && blueprint_) keep_cooldowns();
  if (keeper_) keeper_->stop();  // what it tells is posted to the loops
  if (filters_ && filters_->cached) filters_->cached->answers.stop();  // likewise
  workers_.clear();
}

config::Loaded Supervisor::read_config() const {
  const config::Environment environment = config::Environment::process();
  return options_.config_file.empty() ? config::built_in(environment)
                                      : config::load_file(options_.config_file, environment);
}

// Prints every problem of the file; nullptr when there is an error.
config::Snapshot Supervisor::load() {
  const config::Loaded loaded = read_config();
  const bool colour = isatty(STDERR_FILENO) != 0 && getenv("NO_COLOR") == nullptr;
  for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
    fmt::print(stderr, "{}", config::render(diagnostic, colour));
  }
  return loaded.config;
}

std::optional<config::Snapshot> Supervisor::overridden(const config::Snapshot& loaded) {
  auto changed = std::make_shared<config::Config>(*loaded);
  config::Server& server = changed->server;
  if (server.listen.empty()) server.listen.emplace_back();
  if (options_.listen) server.listen.resize(1);
  for (Status status : {override_address(server.listen.front(), options_.listen),
                        override_address(server.health, options_.health),
                        override_address(server.admin, options_.admin)}) {
    if (status) continue;
    complain(status.error().detail);
    return std::nullopt;
  }
  if (options_.workers) server.workers = *options_.workers;
  if (server.workers == 0) server.workers = std::max(1u, std::thread::hardware_concurrency());
  return changed;
}

LogStyle Supervisor::style_of(const LogSink& sink) const {
  const config::LogFormat format = config_->server.log_format;
  const bool text =
      format == config::LogFormat::kText || (format == config::LogFormat::kAuto && sink.terminal());
  return text ? LogStyle::kText : LogStyle::kJson;
}

Status Supervisor::open_logs() {
  const config::Server& server = config_->server;
  LogSinkSettings settings;
  settings.masks = secrets_of(*config_);
  auto process_log = LogSink::open("stderr", settings);
  if (!process_log) return std::unexpected(std::move(process_log).error());
  logs_.process = std::move(*process_log);
  logs_.logger =
      std::make_unique<Logger>(*logs_.process, options_.log_level, style_of(*logs_.process));
  if (server.access_log.enabled) {
    auto access_log = LogSink::open(server.access_log.path, settings);
    if (!access_log) return std::unexpected(std::move(access_log).error());
    logs_.access = std::move(*access_log);
  }
  metrics_ = std::make_unique<MetricRegistry>(server.max_series);
  shard_ = &metrics_->add_shard();
  return {};
}

Status Supervisor::make_process() {
  if (Status shared = share_among_filters(); !shared) return shared;
  process_ = std::make_unique<ProcessState>(
      *logs_.logger, logs_.access.get(), logs_.access ? style_of(*logs_.access) : LogStyle::kJson,
      *metrics_, *filters_);
  process_->connections.set(config_->server.limits.connections,
                            config_->server.limits.connections_per_client);
  return {};
}

// What filters keep over requests, some of it over restarts.
Status Supervisor::share_among_filters() {
  keeper_.emplace(config_->store, log());
  if (Status opened = keeper_->open(); !opened) return opened;
  if (uses_keys(*config_)) {
    if (Status made = keeper_->require(); !made) return made;
  }
  filters_ = std::make_unique<filters::Shared>(
      filters::SharedBreakers::Setup{
          .listener = [this](const filters::Transition& it) { filters::log_transition(log(), it); },
          .seed = secure_seed()},
      keeper_->credential_key(), config_->store.path,
      std::filesystem::temp_directory_path().string());
  filters_->once.emplace(keeper_->journal());
  if (uses_keys(*config_)) begin_records();
  const config::Store& store = config_->store;
  filters_->cached.emplace(filters::CacheSettings{.memory_bytes = store.cache.memory,
                                                  .disk_bytes = store.cache.disk.value_or(0),
                                                  .folder = store.path,
                                                  .encryption_key = store.encryption_key});
  if (uses_cache(*config_)) begin_cache();
  filters_->keys.listen([this](const auto& change) { filters::log_key_change(log(), change); });
  overload_ = std::make_unique<OverloadWatch>(loop_, filters_->pressure, *metrics_, log());
  bear(config_->server.overload);
  filters_->cooldowns.restore(keeper_->cooldowns(), loop_.fresh_now(), WallClock::system() / 1000);
  loop_.arm(*this, kKeepEvery);
  return {};
}

// What an earlier process was at work on is found while this one serves.
void Supervisor::begin_records() {
  if (std::exchange(records_begun_, true)) return;
  filters_->once->secret = keeper_->record_secret();
  filters_->once->ledger.bound({.bytes = config_->store.max_size});
  filters_->once->ledger.recover([this](std::size_t unknown, std::size_t released) {
    if (unknown + released == 0) return;
    log().warn("idempotency", "an earlier process ended in the middle of requests with a key",
               {{"outcome_unknown", unknown}, {"not_executed", released}});
  });
}

// Without a store it goes on in memory: what it knew before is lost, and nothing else.
void Supervisor::begin_cache() {
  if (std::exchange(cache_begun_, true)) return;
  filters::SharedAnswers& cached = *filters_->cached;
  Status opened = keeper_->require();
  if (opened) {
    cached.secret = keeper_->record_secret();
    opened = cached.answers.open();
  }
  if (opened) return;
  log().warn("cache", "answers are kept in memory only", {{"why", opened.error().detail}});
}

// Those of the configuration before may be on their way still.
void Supervisor::mask_secrets_of(const config::Config& now, const config::Config& before) {
  std::vector<Secret> secrets = secrets_of(now);
  for (Secret& secret : secrets_of(before)) {
    if (std::ranges::find(secrets, secret) == secrets.end()) secrets.push_back(std::move(secret));
  }
  for (LogSink* sink : {logs_.process.get(), logs_.access.get()}) {
    if (sink != nullptr) sink->mask(secrets);
  }
}

void Supervisor::bear(const config::Overload& policy) {
  overload_->use(policy);
  filters_->replay_memory.set({policy.replay_buffers.memory, policy.replay_buffers.disk});
}

// Cooldowns and exhausted quotas outlive the process.
void Supervisor::keep_cooldowns() {
  keeper_->keep(filters_->cooldowns.snapshot(loop_.fresh_now(), WallClock::system() / 1000));
}

void Supervisor::on_fire() {
  keep_cooldowns();
  if (records_begun_) filters_->once->ledger.sweep();
  if (const auto news = filters_->cached->answers.news()) log().warn("cache", *news, {});
  loop_.arm(*this, kKeepEvery);
}

Status Supervisor::bind() {
  sockets_.resize(config_->server.workers);
  for (const config::ListenAddress& listen : config_->server.listen) {
    const Result<SocketAddress> address = to_address(listen);
    if (!address) return std::unexpected(address.error());
    Result<std::vector<Fd>> fds = bind_listeners(*address, config_->server.workers);
    if (!fds) return std::unexpected(std::move(fds).error());
    addresses_.push_back(local_address(fds->front()));
    for (std::size_t i = 0; i < fds->size(); ++i) sockets_[i].push_back(std::move((*fds)[i]));
  }
  return own_ports_.bind(config_->server, addresses_);
}

Status Supervisor::start() {
  if (Status store = check_store(config_->store.path); !store) return store;
  if (Status made = make_process(); !made) return made;
  auto blueprint =
      draw_blueprint(config_, config_->server.workers, ticket_keys_, addresses_, nullptr);
  if (!blueprint) return std::unexpected(std::move(blueprint).error());
  blueprint_ = std::move(*blueprint);
  for (unsigned i = 0; i < config_->server.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, *process_, std::move(sockets_[i]), blueprint_));
  }
  for (const auto& worker : workers_) {
    worker->start([this] { loop_.post([this] { serving(); }); });
  }
  own_ports_.serve({.loop = loop_,
                    .metrics = *metrics_,
                    .log = log(),
                    .answers = filters_->cached->answers,
                    .state = [this] { return health(); },
                    .publish = [this] { publish(); }},
                   config_->store.cache);
  signals_ = std::make_unique<Signals>(loop_, [this](int signal) { on_signal(signal); });
  if (config_->server.watch && !options_.config_file.empty()) {
    watch_ = std::make_unique<ConfigWatch>(loop_, options_.config_file,
                                           [this] { reload("the file changed"); });
    if (!watch_->watching()) {
      log().warn("config", "cannot watch the file: send SIGHUP after a change",
                 {{"file", options_.config_file}});
    }
  }
  publish_state();
  return {};
}

int Supervisor::run() {
  const config::Snapshot loaded = load();
  if (loaded == nullptr) return kExitConfig;
  const auto config = overridden(loaded);
  if (!config) return kExitUsage;
  config_ = *config;
  Signals::block();
  raise_descriptor_limit();
  guard_memory();
  Status started = open_logs();
  if (started) started = bind();
  if (started) started = start();
  if (!started) {
    complain(started.error().detail);
    return started.error().code == Errc::kConfig ? kExitConfig : kExitFailure;
  }
  loop_.run();
  return code_;
}

void Supervisor::serving() {
  if (++serving_ < workers_.size() || lifecycle_ != admin::Lifecycle::kStarting) return;
  lifecycle_ = admin::Lifecycle::kReady;
  publish_state();
  say_where();
}

void Supervisor::say_where() {
  const std::size_t own = addresses_.size() - 2;
  for (std::size_t i = 0; i < own; ++i) {
    log().info("listener", "listening", {{"address", addresses_[i].to_string()}});
  }
  log().info("supervisor", "ready",
             {{"version", kVersion},
              {"config", config_->source},
              {"hash", config_->hash},
              {"workers", static_cast<unsigned>(workers_.size())},
              {"health", addresses_[own].to_string()},
              {"admin", addresses_[own + 1].to_string()}});
  if (isatty(STDERR_FILENO) == 0 || !options_.banner) return;
  logs_.logger->flush();
  fmt::print(stderr, "\n{}\n", options_.banner(*config_));
}

void Supervisor::on_signal(int signal) {
  if (signal == SIGHUP) {
    logs_.process->reopen();
    if (logs_.access) logs_.access->reopen();
    return reload("SIGHUP");
  }
  if (lifecycle_ != admin::Lifecycle::kDraining) return drain();
  log().warn("supervisor", "second signal: ending at once", {});
  finish(kExitFine);
}

void Supervisor::reload(std::string_view reason) {
  if (lifecycle_ == admin::Lifecycle::kDraining) return;
  const auto refuse = [&](std::string_view why) {
    log().error("config", "reload refused; the configuration in force stays",
                {{"reason", reason}, {"why", why}, {"hash", config_->hash}});
    shard_->counter(Metric::kConfigReloads, {"invalid"}).add();
    shard_->gauge(Metric::kConfigLastReloadSuccessful).set(0);
  };
  const config::Loaded loaded = read_config();
  if (loaded.config == nullptr) {
    for (const config::Diagnostic& problem : loaded.diagnostics) {
      refuse(fmt::format("{}:{}:{}: {} {}", problem.position.file, problem.position.line,
                         problem.position.column, problem.code, problem.message));
    }
    return;
  }
  const auto config = overridden(loaded.config);
  if (!config) return;
  auto blueprint = draw_blueprint(*config, static_cast<unsigned>(workers_.size()), ticket_keys_,
                                  addresses_, blueprint_.get());
  if (!blueprint) return refuse(blueprint.error().detail);
  if (uses_keys(**config)) {
    if (const Status made = keeper_->require(); !made) return refuse(made.error().detail);
    begin_records();
  }
  if (uses_cache(**config)) begin_cache();
  if (needs_restart(*config_, **config)) {
    log().warn("config", "addresses, workers, logs and the store change only with a restart", {});
  }
  const bool same = (*config)->hash == config_->hash;
  const config::Snapshot before = std::exchange(config_, *config);
  blueprint_ = std::move(*blueprint);
  process_->connections.set(config_->server.limits.connections,
                            config_->server.limits.connections_per_client);
  mask_secrets_of(*config_, *before);
  bear(config_->server.overload);
  for (const auto& worker : workers_) worker->apply(blueprint_);
  shard_->counter(Metric::kConfigReloads, {same ? "unchanged" : "ok"}).add();
  publish_state();
  log().info("config", "reloaded", {{"reason", reason}, {"hash", config_->hash}});
}

// Readiness fails first, while we still accept, so that whoever routes to us has time to notice.
void Supervisor::drain() {
  lifecycle_ = admin::Lifecycle::kDraining;
  publish_state();
  log().info(
      "supervisor", "draining",
      {{"announce", config_->server.drain.announce}, {"streams", config_->server.drain.streams}});
  tasks_.spawn([](Supervisor& self) -> Task<void> {
    if (!co_await SleepFor(self.loop_, self.scope_, self.config_->server.drain.announce)) co_return;
    for (const auto& worker : self.workers_) {
      worker->drain([&self] {
        self.loop_.post([&self] {
          if (++self.drained_ == self.workers_.size()) self.finish(kExitFine);
        });
      });
    }
    if (!co_await SleepFor(self.loop_, self.scope_, self.config_->server.drain.streams)) co_return;
    self.end_streams();
  }(*this));
}

void Supervisor::end_streams() {
  log().warn("supervisor", "drain.streams is over: ending what still runs",
             {{"connections", process_->connections.open()}});
  finish(kExitFine);
}

void Supervisor::finish(int code) {
  code_ = code;
  for (const auto& worker : workers_) worker->stop();
  log().info("supervisor", "stopped", {});
  loop_.stop();
}

void Supervisor::publish_state() {
  const double now = static_cast<double>(WallClock::system()) / 1e6;
  admin::publish_lifecycle(*metrics_, lifecycle_);
  metrics_->publish(Metric::kConfigInfo, {{{config_->hash}, 1}});
  metrics_->publish(Metric::kConfigLastReloadSuccessTimestamp, {{{}, now}});
  metrics_->publish(Metric::kBuildInfo, {{{std::string(kVersion), std::string(kCompiler)}, 1}});
  shard_->gauge(Metric::kConfigLastReloadSuccessful).set(1);
}

// What is known only when asked, before each exposition.
void Supervisor::publish() {
  admin::publish_process_metrics(*metrics_);
  const LogSink* access = logs_.access.get();
  admin::publish_log_drops(*metrics_,
                           logs_.process->dropped_lines() + (access ? access->dropped_lines() : 0),
                           logs_.process->failed_lines() + (access ? access->failed_lines() : 0));
}

admin::HealthState Supervisor::health() const {
  admin::HealthState state;
  state.lifecycle = lifecycle_;
  state.version = kVersion;
  state.config_hash = config_->hash;
  state.config_source = config_->source;
  return state;
}

}  // namespace

int run(const RunOptions& options) {
  return Supervisor(options).run();
}

}  // namespace outrigger
