// The HTTP/2 side of the scripted upstream: one stream of a connection as an Exchange.
#pragma once

#include "tests/support/exchange.h"
#include "tests/support/h2_peer.h"

namespace outrigger::test {

class H2Exchange final : public Exchange {
 public:
  H2Exchange(H2Peer& peer, H2Peer::StreamId id);

  std::string read_body_some(Deadline deadline) override;
  void interim(int status, const Fields& fields) override;
  void reply(const Response& response) override;
  void start(int status, const Fields& fields) override;
  void send(std::string_view bytes) override;
  void finish(const Fields& trailers) override;
  std::size_t send_until_blocked(std::string_view bytes, Milliseconds quiet) override;
  void raw(std::string_view bytes) override;
  void close() override { peer_.abort(); }
  void reset() override { peer_.abort(); }
  void rst_stream(std::uint32_t code) override { peer_.reset(id_, code); }
  void goaway(std::int32_t last, std::uint32_t code) override { peer_.goaway(last, code); }
  [[nodiscard]] std::int32_t stream_id() const override { return id_; }
  bool client_gone(Deadline deadline) override { return peer_.wait_reset(id_, deadline); }
  std::string read_tunnel(Deadline deadline) override { return peer_.read_some(id_, deadline); }

 private:
  H2Peer& peer_;
  const H2Peer::StreamId id_;
  bool expects_continue_ = false;
};

}  // namespace outrigger::test
