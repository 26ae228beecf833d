#include "proxy/http/tunnel.h"

#include <utility>

#include "proxy/runtime/task_group.h"

namespace outrigger::http {

Task<Result<Slice>> StreamTunnel::read(CancelScope& scope) {
  if (!early_.empty()) co_return std::exchange(early_, {});
  co_return co_await stream_.read(scope);
}

Task<Status> StreamTunnel::write(Slice bytes, CancelScope& scope) {
  co_return co_await stream_.write(bytes.view(), scope);
}

Task<Status> StreamTunnel::finish(CancelScope& scope) {
  co_return co_await stream_.finish(scope);
}

namespace {

// What the two directions share.
struct Shuttle {
  CancelScope scope;
  Signal done;
  Shuttled result;
};

Task<Status> copy(Tunnel& from, Tunnel& to, std::uint64_t& count, CancelScope& scope) {
  for (;;) {
    CO_TRY(Slice bytes, co_await from.read(scope));
    if (bytes.empty()) co_return co_await to.finish(scope);
    count += bytes.size();
    CO_TRY(co_await to.write(std::move(bytes), scope));
  }
}

Task<void> one_way(Tunnel& from, Tunnel& to, std::uint64_t& count, Shuttle& shared) {
  Status status = co_await copy(from, to, count, shared.scope);
  if (!status && shared.result.status) {
    CancelReason why{status.error().code, status.error().origin, status.error().reason};
    shared.result.status = std::move(status);
    shared.scope.cancel(why);
  }
}

}  // namespace

Task<Shuttled> shuttle(Dispatcher& loop, Tunnel& client, Tunnel& upstream, CancelScope& scope) {
  Shuttle shared{CancelScope(scope), {}, {}};
  TaskGroup directions(loop);
  // From the loop: a direction must be off the stack before its frame goes with this one.
  directions.on_empty([&shared] { shared.done.notify(); });
  directions.spawn(one_way(client, upstream, shared.result.to_upstream, shared));
  directions.spawn(one_way(upstream, client, shared.result.to_client, shared));
  // Both directions hear of a cancellation and end, so their end is all there is to wait for.
  CancelScope never;
  while (!directions.empty()) (void)co_await shared.done.wait(never);
  co_return std::move(shared.result);
}

}  // namespace outrigger::http
