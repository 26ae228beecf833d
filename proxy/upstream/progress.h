// How an exchange over an upstream connection, of either protocol, tells its caller how far it got.
#pragma once

#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/runtime/task.h"

namespace outrigger::upstream {

class RequestProgress {
 public:
  // The head is about to be sent. Plain notes: must not resume or destroy anything.
  virtual void on_sending() = 0;
  // The last byte of the request was handed to the kernel.
  virtual void on_request_sent() = 0;
  // A 1xx head other than 101; an error ends the exchange with it.
  virtual Task<Status> on_interim(http::ResponseHead head) = 0;

 protected:
  ~RequestProgress() = default;
};

}  // namespace outrigger::upstream
