// One client request and its answer, with everything decided about it (DESIGN 2). Lives in the root
// coroutine of the exchange, on its worker's thread; filters read and extend it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/http/server.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/dispatcher.h"
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
  TimePoint ended;  // response head or failure
};

// How far an attempt got, for whoever times it.
enum class AttemptStage : std::uint8_t { kConnecting, kHandshaking, kSending, kWaiting, kAnswered };

class AttemptProgress {
 public:
  virtual void on_stage(AttemptStage stage) = 0;

 protected:
  ~AttemptProgress() = default;
};

struct Exchange;

// Told once, after the answer was delivered or given up; see Exchange::when_delivered.
class DeliveryObserver {
 public:
  virtual void on_delivered(Exchange& exchange, const http::Delivery& delivery) = 0;

 protected:
  ~DeliveryObserver() = default;
};

struct Exchange {
  Exchange(Dispatcher& dispatcher, http::Request incoming, http::ResponseSink& answers,
           const http::ClientInfo& who, CancelScope& cancel)
      : loop(dispatcher),
        request(std::move(incoming)),
        sink(answers),
        client(who),
        scope(&cancel) {}

  Dispatcher& loop;
  http::Request request;
  http::ResponseSink& sink;  // for interim responses; the final answer is returned
  const http::ClientInfo& client;
  CancelScope* scope;       // the innermost: the exchange's, or an attempt's nested in it
  upstream::Routed routed;  // upstream, route and the rewritten target
  AttemptProgress* progress = nullptr;  // of the attempt under way
  std::uint64_t request_bytes = 0;      // of the body, read so far

  std::string_view id() const noexcept { return {id_text, sizeof id_text}; }
  char id_text[26];  // ULID
  TimePoint started;
  Source source = Source::kUpstream;
  std::string_view why;  // closed code of a failure, same as in Proxy-Status
  std::vector<Attempt> attempts;

  // Kept by observe for the log, because other filters rewrite or drop the originals.
  std::string_view client_target;  // as the client sent it
  std::string_view client_authority;
  std::string_view upstream_request_id;  // interned in the request's headers
  bool streamed = false;                 // an event stream, gRPC or a tunnel

  // Registers `observer`, owned by the worker's chain, to hear of the delivery.
  void when_delivered(DeliveryObserver& observer) { observers.push_back(&observer); }
  std::vector<DeliveryObserver*> observers;
};

// Answers whose length in time says nothing of their health: event streams, gRPC, tunnels.
[[nodiscard]] bool is_stream(const http::Response& response) noexcept;

}  // namespace outrigger::filters
