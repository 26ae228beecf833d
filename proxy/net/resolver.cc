#include "proxy/net/resolver.h"

#include <algorithm>
#include <list>
#include <optional>
#include <utility>

namespace outrigger {
namespace {

using Kind = DnsCache::Kind;

// RFC 6761 6.3: localhost and all below it are the loopback addresses, without asking anybody.
bool is_localhost(std::string_view host) noexcept {
  constexpr std::string_view kName = "localhost";
  if (!host.ends_with(kName)) return false;
  return host.size() == kName.size() || host[host.size() - kName.size() - 1] == '.';
}

std::vector<SocketAddress> with_port(std::vector<SocketAddress> addresses, std::uint16_t port) {
  for (SocketAddress& address : addresses) address = address.with_port(port);
  return addresses;
}

// An answer that needs no query, if the name is one of those.
std::vector<SocketAddress> known_of_itself(std::string_view host) {
  if (const std::optional<SocketAddress> literal = SocketAddress::parse(host, 0)) return {*literal};
  if (is_localhost(host)) {
    return {*SocketAddress::parse("::1", 0), *SocketAddress::parse("127.0.0.1", 0)};
  }
  return {};
}

}  // namespace

// One name being asked for, in both families, and all who wait for it. Lives until both answers are
// in; those who wait are served earlier when there is no point in waiting longer.
class Resolver::Query final : public std::enable_shared_from_this<Query>, private Timer {
 public:
  Query(Resolver& resolver, std::string host, DnsCache::Answer known)
      : resolver_(&resolver), host_(std::move(host)), stale_(std::move(known)) {}

  void start();
  void abandon() noexcept {
    Timer::disarm();
    resolver_ = nullptr;
  }
  [[nodiscard]] const std::optional<DnsCache::Answer>& answer() const noexcept { return answer_; }
  [[nodiscard]] bool done() const noexcept { return v6_ && v4_; }

 private:
  friend class Waiter;
  std::optional<DnsReply>& slot(int family) noexcept { return family == AF_INET6 ? v6_ : v4_; }
  void replied(int family, DnsReply reply);
  void conclude();
  void serve(DnsCache::Answer answer);
  void on_fire() override;

  Resolver* resolver_;  // null once it is gone, or nothing more is wanted
  std::string host_;
  DnsCache::Answer stale_;  // kind kStale, or nothing
  std::optional<DnsReply> v6_;
  std::optional<DnsReply> v4_;
  std::optional<DnsCache::Answer> answer_;
  std::list<Waiter*> waiters_;
};

class Resolver::Waiter final : public Parked {
 public:
  Waiter(std::shared_ptr<Query> query, CancelScope& scope)
      : Parked(scope), query_(std::move(query)) {
    query_->waiters_.push_back(this);
  }
  ~Waiter() { query_->waiters_.remove(this); }

 private:
  friend class Query;
  std::shared_ptr<Query> query_;
};

void Resolver::Query::start() {
  bool in_hosts = false;
  for (const int family : {AF_INET6, AF_INET}) {
    std::optional<DnsReply> reply = resolver_->channel_.query(
        host_, family, [self = shared_from_this(), family](DnsReply late) {
          if (self->resolver_ != nullptr) self->replied(family, std::move(late));
        });
    if (!reply) continue;
    in_hosts = in_hosts || reply->outcome == DnsReply::Outcome::kAddresses;
    slot(family) = std::move(*reply);
  }
  // A name in the hosts file is not looked for elsewhere, even when it is there for one family
  // only.
  if (in_hosts || done()) {
    conclude();
    resolver_ = nullptr;
  } else if (stale_.kind == Kind::kStale) {
    resolver_->loop_.arm(*this, resolver_->settings_.stale_after);
  }
}

void Resolver::Query::replied(int family, DnsReply reply) {
  const bool useful = reply.outcome == DnsReply::Outcome::kAddresses;
  slot(family) = std::move(reply);
  if (done()) {
    Timer::disarm();
    const std::shared_ptr<Query> self = shared_from_this();
    resolver_->queries_.erase(host_);
    conclude();
  } else if (useful && !answer_) {
    resolver_->loop_.arm(*this, resolver_->settings_.resolution_delay);
  }
}

// The other family is late, or both are while stale addresses are at hand.
void Resolver::Query::on_fire() {
  const bool useful = (v6_ && !v6_->addresses.empty()) || (v4_ && !v4_->addresses.empty());
  if (useful) {
    conclude();
  } else {
    serve(std::move(stale_));
  }
}

// Makes of the replies so far what the cache should know and those who wait should hear.
void Resolver::Query::conclude() {
  using Outcome = DnsReply::Outcome;
  DnsCache& cache = resolver_->cache_;
  const TimePoint now = resolver_->loop_.now();
  const DnsReply nothing;
  const DnsReply& v6 = v6_ ? *v6_ : nothing;
  const DnsReply& v4 = v4_ ? *v4_ : nothing;
  DnsCache::Answer answer{Kind::kFresh, interleave(v6.addresses, v4.addresses), {}};
  if (!answer.addresses.empty()) {
    Duration ttl = v6.addresses.empty() ? v4.ttl : v6.ttl;
    if (!v4.addresses.empty()) ttl = std::min(ttl, v4.ttl);
    cache.keep(host_, answer.addresses, ttl, now);
  } else if (v6.outcome == Outcome::kAbsent && v4.outcome == Outcome::kAbsent) {
    answer = {Kind::kAbsent, {}, v4.detail};
    cache.keep_absent(host_, v4.detail, now);
  } else {
    const DnsReply& failed = v4.outcome == Outcome::kAbsent ? v6 : v4;
    cache.keep_failure(host_,
                       failed.outcome == Outcome::kTimeout ? DnsCache::Failure::kTimeout
                                                           : DnsCache::Failure::kError,
                       failed.detail, now);
    answer = cache.find(host_, now);
  }
  serve(std::move(answer));
}

void Resolver::Query::serve(DnsCache::Answer answer) {
  if (answer_) return;
  answer_ = std::move(answer);
  const std::shared_ptr<Query> self = shared_from_this();
  while (!waiters_.empty()) {
    Waiter* first = waiters_.front();
    waiters_.pop_front();
    first->wake();
  }
}

Resolver::Resolver(EventLoop& loop, ResolverSettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      cache_(settings_.cache),
      channel_(loop, {settings_.servers, settings_.timeout, settings_.tries}) {}

Resolver::~Resolver() {
  for (auto& [host, query] : queries_) query->abandon();
}

std::shared_ptr<Resolver::Query> Resolver::ask(std::string_view host, DnsCache::Answer known) {
  if (const auto found = queries_.find(host); found != queries_.end()) return found->second;
  auto query = std::make_shared<Query>(*this, std::string(host), std::move(known));
  query->start();
  if (!query->done() && !query->answer()) queries_.emplace(std::string(host), query);
  return query;
}

Task<Result<std::vector<SocketAddress>>> Resolver::resolve(std::string_view host,
                                                           std::uint16_t port, CancelScope& scope) {
  if (std::vector<SocketAddress> known = known_of_itself(host); !known.empty()) {
    co_return with_port(std::move(known), port);
  }
  DnsCache::Answer answer = cache_.find(host, loop_.now());
  if (answer.kind == Kind::kMiss || answer.kind == Kind::kStale) {
    const std::shared_ptr<Query> query = ask(host, std::move(answer));
    if (!query->answer()) {
      Waiter waiter(query, scope);
      CO_TRY(co_await waiter);
    }
    answer = *query->answer();
  }
  if (!answer.addresses.empty()) co_return with_port(std::move(answer.addresses), port);
  co_return fail(Errc::kResolve, Origin::kUpstream,
                 answer.kind == Kind::kTimedOut ? "dns_timeout" : "dns_error",
                 "cannot resolve '" + std::string(host) + "': " + answer.detail);
}

}  // namespace outrigger
