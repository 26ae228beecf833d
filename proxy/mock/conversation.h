// One connection of the mock: answers its requests by their plans, and reaches below HTTP where a
// fault asks for it. Lives in the connection's task, on the server's thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/client_connection.h"
#include "proxy/mock/mock_server.h"

namespace outrigger::mock {

class MockServer::Conversation final : private http::ExchangeHandler {
 public:
  Conversation(MockServer& server, Fd fd, const SocketAddress& peer)
      : server_(server),
        connection_(server.loop_, std::move(fd), peer, server.settings_, nullptr, *this) {}

  Task<Status> run(CancelScope& scope) { return connection_.run(scope); }

 private:
  Task<void> serve(http::Request&& asked, http::ResponseSink& sink, const http::ClientInfo& client,
                   CancelScope& scope) override;
  Task<void> control(http::Request request, http::ResponseSink& sink, CancelScope& scope);
  // The word for the ledger: how the request ended.
  Task<std::string> answer(const http::RequestHead& head, http::Body& body, RequestNumber number,
                           http::ResponseSink& sink, CancelScope& scope);
  Task<std::string> perform(const Reaction& reaction, http::Version version, RequestNumber number,
                            http::ResponseSink& sink, CancelScope& scope);
  Task<std::string> send(Plan plan, RequestNumber number, http::ResponseSink& sink,
                         CancelScope& scope);
  Task<std::string> misbehave(Wire wire, http::Version version, CancelScope& scope);
  RequestNumber open(const http::RequestHead& head);
  void close(RequestNumber number, const std::string& outcome, const CancelScope& scope);

  MockServer& server_;
  http::ClientConnection connection_;
};

}  // namespace outrigger::mock
