// One address of an upstream as one worker sees it: its connections, idle and in use, and who waits
// for one. HTTP/1 connections are reused newest first; HTTP/2 connections carry many exchanges.
// Owned by the cluster, on its worker's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/net/destination_policy.h"
#include "proxy/net/resolver.h"
#include "proxy/net/tls_context.h"
#include "proxy/upstream/attempt_listener.h"
#include "proxy/upstream/h1_connection.h"
#include "proxy/upstream/h2_connection.h"
#include "proxy/upstream/health.h"

namespace outrigger::upstream {

// What the endpoints of one cluster share. All outlive the endpoint.
struct EndpointContext {
  EventLoop& loop;
  Resolver& resolver;
  TlsClientContext* tls = nullptr;                  // set when the endpoint speaks TLS
  const DestinationPolicy* destinations = nullptr;  // set for forwarded hosts: what may be dialled
  config::Protocol protocol = config::Protocol::kAuto;
  config::PoolLimits limits;
  std::optional<Duration> write_stall = 60s;
  // An endpoint was set aside after failures in a row; may be null or empty.
  const std::function<void(std::string_view endpoint)>* ejected = nullptr;
};

// No connection came about, so that nothing was sent: another endpoint may do.
[[nodiscard]] bool unreached(const Error& error) noexcept;

// As it is sent in Host: without the port where that is the scheme's own.
[[nodiscard]] std::string authority_of(const config::Endpoint& where);

class Endpoint final : private H1Owner, private Timer {
 public:
  Endpoint(const EndpointContext& context, config::Endpoint where,
           const std::optional<config::PassiveHealth>& passive);
  ~Endpoint();

  enum class Purpose : std::uint8_t { kRequest, kProbe };  // a probe says nothing of real requests
  // Sends the request over a pooled or a new connection. A pooled connection that proves stale
  // before anything was accepted is replaced, once, when the request can be sent again. Errors:
  // kOverload when the limits of connections and of waiting requests are reached, otherwise those
  // of resolving, connecting and exchanging. Of a request it tells the listener how it ended, and
  // keeps the passive health.
  Task<Result<http::Response>> exchange(http::Request& request, CancelScope& scope,
                                        AttemptListener& listener,
                                        Purpose purpose = Purpose::kRequest);

  [[nodiscard]] std::string_view name() const noexcept { return name_; }            // host:port
  [[nodiscard]] std::string_view authority() const noexcept { return authority_; }  // as in Host
  [[nodiscard]] const config::Endpoint& where() const noexcept { return where_; }
  // Exchanges that use a connection, make one or wait for one, bodies included.
  [[nodiscard]] std::size_t load() const noexcept;
  [[nodiscard]] std::size_t idle() const noexcept { return idle_.size(); }
  [[nodiscard]] std::size_t connections() const noexcept { return h1_open_ + h2_.size(); }
  [[nodiscard]] std::size_t queued() const noexcept { return line_.size(); }
  [[nodiscard]] PassiveEjection& passive() noexcept { return passive_; }
  // Closes what is idle and pools nothing more: the endpoint is retired.
  void retire();

 private:
  class Waiter;    // stands in line for a connection
  class Dialling;  // counts a connection being made

  struct Course;

  bool pick_connection(Course& course);
  Task<Status> find_connection(Course& course, CancelScope& scope, AttemptListener& listener);
  bool try_again(Course& course, const Error& error, const http::Request& request,
                 const AttemptListener& listener) const;
  // Whether it takes further exchanges: what failed on it was one stream.
  [[nodiscard]] bool lives(const H2Connection* connection) const noexcept;
  void settle(const Result<http::Response>& outcome, AttemptListener& listener);
  void settle(const Error& error, AttemptListener& listener);
  Task<Result<std::unique_ptr<Stream>>> dial(bool h1_only, CancelScope& scope,
                                             AttemptListener& listener);
  Task<Status> secure(Stream& stream, bool h1_only, CancelScope& scope);
  Task<Status> wait_in_line(CancelScope& scope);
  [[nodiscard]] bool may_dial(bool h1_only) const noexcept;
  [[nodiscard]] bool speaks_h2(const Stream& stream) const noexcept;
  [[nodiscard]] H2Connection* h2_with_room() noexcept;
  H2Connection& add_h2(std::unique_ptr<Stream> stream);
  std::unique_ptr<H1Connection> make_h1(std::unique_ptr<Stream> stream);
  std::unique_ptr<H1Connection> take_idle();
  void give_back(std::unique_ptr<H1Connection> connection) override;
  void drop_idle(const H1Connection* connection);
  void drop_h2(const H2Connection* connection);
  void next_in_line();
  void on_fire() override;

  struct Idle {
    std::unique_ptr<H1Connection> connection;
    TimePoint since;
  };
  EndpointContext context_;
  config::Endpoint where_;
  std::string name_;
  std::string authority_;
  PassiveEjection passive_;
  std::vector<Idle> idle_;  // oldest first
  std::vector<std::unique_ptr<H2Connection>> h2_;
  std::deque<Waiter*> line_;
  std::size_t h1_open_ = 0;  // idle and in use
  std::size_t dialling_ = 0;
  // What the last handshake agreed on; decides whether requests share the connection being made.
  enum class Spoken : std::uint8_t { kUnknown, kHttp1, kHttp2 } spoken_ = Spoken::kUnknown;
  bool retired_ = false;
  std::shared_ptr<Endpoint*> self_;  // lets deferred work see that the endpoint is gone
};

}  // namespace outrigger::upstream
