// One client request and its answer, with everything decided about it (DESIGN 2). Lives in the root
// coroutine of the exchange, on its worker's thread; filters read and extend it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "filters/circuit_breaker/permit.h"
#include "filters/limits/hold.h"
#include "filters/send/attempt_recorder.h"
#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/base/verdict.h"
#include "proxy/http/message.h"
#include "proxy/http/server.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/frame_pool.h"
#include "proxy/upstream/router.h"

namespace outrigger::filters {

// Who produced the answer: the Outrigger-Source header, the log and the metric say the same word.
enum class Source : std::uint8_t { kUpstream, kCache, kIdempotency, kFallback, kCircuit, kProxy };
std::string_view to_string(Source source) noexcept;

// One sending of the exchange to one endpoint.
struct Attempt {
  std::string_view endpoint;  // host:port of the configuration; empty before one was chosen
  std::uint16_t endpoint_index = 0;
  int status = 0;  // 0: no response
  bool failed = false;
  bool reused_connection = false;
  Errc code = Errc::kInternal;  // of a failed attempt, with its phase and reason
  Phase phase = Phase::kNoConnection;
  std::string_view reason;
  TimePoint started;
  TimePoint ended;  // its answer went on towards the client, or its failure; 0: neither yet

  // What the classifier says. Final once concluded: of a stream that is at its end.
  Verdict verdict = Verdict::kCancelled;
  bool judged = false;                            // a verdict was given, final or not
  bool concluded = false;                         // told to whoever waits for the end
  config::Scope scope = config::Scope::kDefault;  // what the verdict says something of
  std::string_view error = {};             // the provider's own error code, interned; may be empty
  std::optional<Duration> hint = {};       // the server's word on when to come back, unclamped
  std::optional<TimePoint> answered = {};  // first event of a stream, else the head
  Duration waited{0};                      // before this attempt, because of the last one
  std::string_view stop = {};              // why no other followed: a literal; empty when one did
  bool probe = false;                      // asked whether an earlier one was executed
  std::array<Permit, 2> permits = {};      // of the circuit breaker
  std::optional<TokenUsage> usage = {};    // that the answer told of, where wants_usage is set
};

// How far an attempt got, for whoever times it.
enum class AttemptStage : std::uint8_t { kConnecting, kHandshaking, kSending, kWaiting, kAnswered };

class AttemptProgress {
 public:
  virtual void on_stage(AttemptStage stage) = 0;

 protected:
  ~AttemptProgress() = default;
};

// Times a streamed answer by its events. Lives in the answer's body.
class EventTimer {
 public:
  // From now on events are told: the limits of first_event and progress hold.
  virtual void watch() = 0;
  // An event that says something. A plain note: must not resume or destroy anything.
  virtual void on_event() = 0;

 protected:
  ~EventTimer() = default;
};

// What a policy in shadow would have done (Policies::shadow).
struct Would {
  config::Shadowed policy;
  std::string_view what;  // a literal: refuse, retry, wait, …
};

struct Exchange;
class KeyChoice;
class ReplayBody;

// Asked before each sending, when all is ready: an error, and nothing is sent. Not for probes.
class SendGate {
 public:
  virtual Task<Status> before_send(Exchange& exchange) = 0;

 protected:
  ~SendGate() = default;
};

// An answer that the cache has, and may not give unasked because it is out of date.
class StaleAnswer {
 public:
  // Whether it is out of date by no more than that.
  [[nodiscard]] virtual bool within(Duration most) const = 0;
  // It; to be called once.
  virtual http::Response give() = 0;

 protected:
  ~StaleAnswer() = default;
};

// Told once, after the answer was delivered or given up; see Exchange::when_delivered.
class DeliveryObserver {
 public:
  virtual void on_delivered(Exchange& exchange, const http::Delivery& delivery) = 0;

 protected:
  ~DeliveryObserver() = default;
};

// Told once of each attempt when its verdict is final: of a whole answer at once, of a stream at
// its end, of one that nobody waited for as cancelled. Must not resume or destroy anything.
class AttemptObserver {
 public:
  virtual void on_concluded(Exchange& exchange, Attempt& attempt) = 0;

 protected:
  ~AttemptObserver() = default;
};

struct Exchange {
  Exchange(Dispatcher& dispatcher, http::Request incoming, http::ResponseSink& answers,
           const http::ClientInfo& who, CancelScope& cancel)
      : loop(dispatcher),
        request(std::move(incoming)),
        sink(answers),
        client(who),
        scope(&cancel) {}

  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  // Concludes as cancelled whatever attempt is not concluded yet.
  ~Exchange();

  Dispatcher& loop;
  http::Request request;
  http::ResponseSink& sink;  // for interim responses; the final answer is returned
  const http::ClientInfo& client;
  CancelScope* scope;       // the innermost: the exchange's, or an attempt's nested in it
  upstream::Routed routed;  // upstream, route and the rewritten target
  AttemptProgress* progress = nullptr;  // of the attempt under way
  AttemptRecorder recorder{*this};
  EventTimer* event_timer = nullptr;  // of the last attempt's answer, while its body lives
  std::uint64_t request_bytes = 0;    // of the body, read so far

  std::string_view id() const noexcept { return {id_text, sizeof id_text}; }
  char id_text[26];  // ULID
  TimePoint started;
  Source source = Source::kUpstream;
  std::string_view why;                 // closed code of a failure, same as in Proxy-Status
  std::optional<Duration> retry_after;  // of an answer of our own: when to come back
  std::string_view circuit = {};  // state of the breaker that was asked last: a literal, or empty
  std::vector<Attempt, FrameAllocator<Attempt>> attempts;

  // Kept by observe for the log, because other filters rewrite or drop the originals.
  std::string_view client_target;  // as the client sent it
  std::string_view client_authority;
  std::string_view upstream_request_id;  // interned in the request's headers
  bool streamed = false;                 // an event stream, gRPC or a tunnel

  // Registers `observer`, owned by the worker's chain, to hear of the delivery.
  void when_delivered(DeliveryObserver& observer) { observers.push_back(&observer); }
  std::vector<DeliveryObserver*, FrameAllocator<DeliveryObserver*>> observers;

  // Ends an attempt with its final verdict; a second call for the same attempt does nothing.
  void conclude(std::size_t attempt, Verdict verdict);
  // Registers `observer`, owned by the worker's chain, to hear of the end of every attempt; once,
  // however often it is called.
  void when_concluded(AttemptObserver& observer);
  std::vector<AttemptObserver*, FrameAllocator<AttemptObserver*>> attempt_observers;

  // What breakers and cooldowns are keyed by; empty and 0 when not known (see filters/intake).
  std::string_view model;        // interned in the request's headers
  std::uint64_t credential = 0;  // a keyed hash of the client's credential: never the credential

  // For limits: who asks (filters/limits/line.h), what is taken, and how long it stood in line.
  std::string_view execution;  // the caller's Outrigger-Execution, which the gateway takes off
  std::uint64_t sent_credential = 0;  // as credential, but always the client's own
  bool wants_usage = false;           // classify notes the tokens that the answer tells of
  Duration queued{0};
  std::vector<LimitHold, FrameAllocator<LimitHold>> held;

  // Chooses the key that the proxy adds, anew for each try; nullptr where it adds none.
  KeyChoice* keys = nullptr;

  // The request's body where it is no buffer in memory and can be read again; see filters/intake.
  ReplayBody* replay = nullptr;
  std::uint8_t rewinders = 0;    // that may still want it again
  std::string_view replay_lost;  // why the body could not be sent again when it was to be

  // Until when the answer must begin: the least of the route's and the caller's word.
  std::optional<TimePoint> deadline;
  std::string_view deadline_asked;   // the caller's Outrigger-Deadline, which the gateway takes off
  std::uint16_t give_up_status = 0;  // of an answer of our own, where not that of the problem
  // Multiplies timeouts.headers and first_event of the next attempt (Retry::timeout_factor).
  double patience = 1;
  // Endpoints that this attempt should leave alone, a bit each by index: failed before, or with an
  // open breaker. Used all the same when no other is left, unless `avoid_strictly`.
  std::uint64_t avoid = 0;
  bool avoid_strictly = false;
  std::string_view fallback;  // that gave the answer: an upstream, or `answer`; empty: none
  bool degraded = false;      // the answer is second best
  std::string_view repair;    // how the answer was mended: a literal; empty: it was not
  std::uint32_t repair_prompts = 0;
  std::vector<Would, FrameAllocator<Would>> would_have;
  bool probing = false;  // what runs asks after an earlier attempt of the exchange

  // Of a request with an idempotency key (filters/idempotency).
  SendGate* gate = nullptr;
  std::string_view step;          // the caller's Outrigger-Step, which the gateway takes off
  std::string_view upstream_key;  // by which the upstream knows the request again
  std::string_view resolve;       // the caller's Outrigger-Resolve, likewise
  bool last_event = false;        // the event that ends the stream has come
  StaleAnswer* stale = nullptr;   // for a fallback to it (filters/cache)
  // The chain that the exchange runs through, for whoever runs on when the client has left.
  std::shared_ptr<const void> chain;
};

// Answers whose length in time says nothing of their health: event streams, gRPC, tunnels.
[[nodiscard]] bool is_stream(const http::Response& response) noexcept;

}  // namespace outrigger::filters
