// Bytes both ways after an accepted CONNECT or Upgrade, until both sides are done. One worker
// thread.
#pragma once

#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

// One end of a tunnel on an HTTP/1 connection. `early` is what was read beyond the head.
class StreamTunnel final : public Tunnel {
 public:
  StreamTunnel(Stream& stream, Slice early) : stream_(stream), early_(std::move(early)) {}
  Task<Result<Slice>> read(CancelScope& scope) override;
  Task<Status> write(Slice bytes, CancelScope& scope) override;
  Task<Status> finish(CancelScope& scope) override;

 private:
  Stream& stream_;
  Slice early_;
};

struct Shuttled {
  Status status;  // the first error of either direction
  std::uint64_t to_client = 0;
  std::uint64_t to_upstream = 0;
};

// Copies in both directions; a clean end of one is passed on as a half-close, an error ends both.
// Both ends outlive the task.
Task<Shuttled> shuttle(Dispatcher& loop, Tunnel& client, Tunnel& upstream, CancelScope& scope);

}  // namespace outrigger::http
