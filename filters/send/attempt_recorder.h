// Writes the attempt log of an exchange from what the upstream side reports, and passes the stages
// on to whoever times them. Lives in the frame of one send.
#pragma once

#include "filters/exchange.h"
#include "proxy/upstream/attempt_listener.h"

namespace outrigger::filters {

class AttemptRecorder final : public upstream::AttemptListener {
 public:
  explicit AttemptRecorder(Exchange& exchange) noexcept : exchange_(exchange) {}

  void on_endpoint(std::uint16_t index, std::string_view name) override;
  void on_queued() override { stage(AttemptStage::kConnecting); }
  void on_resolving() override { stage(AttemptStage::kConnecting); }
  void on_connecting() override { stage(AttemptStage::kConnecting); }
  void on_handshaking() override { stage(AttemptStage::kHandshaking); }
  void on_connection(bool reused) override;
  void on_sending() override { stage(AttemptStage::kSending); }
  void on_request_sent() override { stage(AttemptStage::kWaiting); }
  Task<Status> on_interim(http::ResponseHead head) override;
  void on_failed(const Error& error) override;
  void on_response(const http::Response& response);

 private:
  void stage(AttemptStage stage) {
    if (exchange_.progress != nullptr) exchange_.progress->on_stage(stage);
  }
  Exchange& exchange_;
};

}  // namespace outrigger::filters
