#include "proxy/admin_server.h"

#include <exception>
#include <utility>

#include "filters/observe/answer.h"
#include "proxy/admin/answers.h"
#include "proxy/base/json_checker.h"
#include "proxy/http/client_connection.h"

namespace outrigger {
namespace {

// All of a body, which must be JSON.
Task<Result<std::string>> read_json(http::Body& body, CancelScope& scope) {
  std::string all;
  for (;;) {
    CO_TRY(const Slice bytes, co_await body.read(scope));
    if (bytes.empty()) break;
    if (all.size() + bytes.size() > AdminServer::kMaxBody) {
      co_return fail(Errc::kTooLarge, Origin::kClient, "body_too_large",
                     "The admin API takes bodies of at most 1 MiB.");
    }
    all += bytes.view();
  }
  if (is_json(all)) co_return all;
  co_return fail(Errc::kProtocol, Origin::kClient, "admin_bad_request",
                 "The body must be one JSON value.");
}

}  // namespace

AdminServer::AdminServer(EventLoop& loop, Fd socket, Secret token, Logger& log,
                         std::vector<admin::Route> routes)
    : loop_(loop),
      log_(log),
      gate_(local_address(socket), std::move(token)),
      router_(std::move(routes)),
      connections_(loop),
      listener_(loop, std::move(socket),
                [this](Fd fd, const SocketAddress& peer) { accept(std::move(fd), peer); }) {}

AdminServer::~AdminServer() {
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "stopping"});
}

void AdminServer::accept(Fd fd, const SocketAddress& peer) {
  if (connections_.size() < kMaxConnections) connections_.spawn(converse(std::move(fd), peer));
}

Task<void> AdminServer::converse(Fd fd, SocketAddress peer) {
  http::ClientConnection connection(loop_, std::move(fd), peer, settings_, nullptr, *this);
  (void)co_await connection.run(scope_);
}

Task<void> AdminServer::serve(http::Request&& request, http::ResponseSink& sink,
                              const http::ClientInfo& client, CancelScope& scope) {
  http::Request asked = std::move(request);
  http::Response response = co_await answer(asked, client, scope);
  (void)co_await sink.send(std::move(response), scope);
}

http::Response AdminServer::refuse(int status, std::string_view code, std::string_view detail,
                                   const http::ClientInfo&) {
  return filters::answer_refusal(status, code, detail);
}

Task<http::Response> AdminServer::answer(http::Request& request, const http::ClientInfo& client,
                                         CancelScope& scope) {
  if (auto refusal = gate_.refuse(request.head)) co_return std::move(*refusal);
  auto found = router_.find(request.head);
  if (!found) co_return std::move(found).error();
  Result<std::string> body = std::string();
  if (!http::is_safe(request.head.method)) body = co_await read_json(request.body, scope);
  if (!body) co_return admin::problem_answer(body.error());
  const std::string peer = client.address.to_string();
  co_return handle(found->route,
                   {request.head, std::move(found->parts), std::move(found->query), *body, peer});
}

// An exception is a bug: it costs this request, not the process.
http::Response AdminServer::handle(const admin::Route& route, const admin::Call& call) {
  try {
    return route.handle(call);
  } catch (const std::exception& bug) {
    log_.error("admin", "a bug ended a request", {{"path", route.path}, {"error", bug.what()}});
    return admin::problem_answer("proxy_internal_error", {});
  }
}

}  // namespace outrigger
