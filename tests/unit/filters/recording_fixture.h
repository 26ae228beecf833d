// Clients of a recording, and what they got of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/recording/recording.h"
#include "proxy/http/headers.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

inline const Error kReset{Errc::kReset, Origin::kUpstream, Phase::kAnswered,
                          "http_response_incomplete"};
inline const StoredHead kHead{200, {{"content-type", "text/plain"}, {"x-a", "1"}}, std::nullopt};
inline constexpr CancelReason kClientGone{Errc::kCancelled, Origin::kClient, "client_gone"};

inline std::string random_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// One client: what it got, and how that ended.
struct Client {
  explicit Client(Dispatcher& loop) : tasks(std::in_place, loop) {}
  std::vector<int> interims;  // their statuses
  std::optional<StoredHead> head;
  std::string bytes;
  std::string end = "waits";
  std::string trailers;
  std::size_t largest = 0;                         // piece
  std::function<void(std::string_view)> on_piece;  // instead of keeping the bytes
  std::optional<Signal> pace;                      // awaited before each piece
  CancelScope scope;
  std::optional<TaskGroup> tasks;
  void leave() { tasks.reset(); }
};

inline Task<void> read_body(std::unique_ptr<http::BodySource> body, Client& client) {
  for (;;) {
    if (client.pace) (void)co_await client.pace->wait(client.scope);
    const Result<Slice> piece = co_await body->read(client.scope);
    if (!piece) {
      client.end = piece.error().reason;
      co_return;
    }
    if (piece->empty()) break;
    client.largest = std::max(client.largest, piece->size());
    if (client.on_piece) {
      client.on_piece(piece->view());
    } else {
      client.bytes += piece->view();
    }
  }
  client.end = "whole";
  if (body->trailers() == nullptr) co_return;
  for (const http::Field& field : *body->trailers()) {
    client.trailers.append(field.name).append("=").append(field.value).append(";");
  }
}

class InterimSink final : public http::ResponseSink {
 public:
  explicit InterimSink(Client& client) noexcept : client_(client) {}
  Task<Status> interim(http::ResponseHead head, CancelScope&) override {
    client_.interims.push_back(head.status);
    co_return Status{};
  }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }

 private:
  Client& client_;
};

inline Task<void> read_answer(Recording::Reader reader, Client& client) {
  InterimSink interims(client);
  Result<StoredHead> head = co_await reader.head(client.scope, interims);
  if (!head) {
    client.end = head.error().reason;
    co_return;
  }
  client.head = std::move(*head);
  co_await read_body(std::move(reader).body(), client);
}

}  // namespace outrigger::filters
