#include <limits>
#include <thread>

#include "tests/support/upstream.h"

namespace outrigger::test {

Script& Script::add(Step step) {
  const std::lock_guard lock(owner_.mutex_);
  steps_.push_back(std::move(step));
  return *this;
}

Script& Script::run(Step step) {
  return add(std::move(step));
}

Script& Script::after(Milliseconds wait) {
  return add([wait](Exchange&) { std::this_thread::sleep_for(wait); });
}

Script& Script::interim(int status, Fields fields) {
  return add([status, fields = std::move(fields)](Exchange& exchange) {
    exchange.interim(status, fields);
  });
}

Script& Script::reply(int status, std::string body, Fields headers, Fields trailers) {
  return add([answer = response(status, std::move(body), std::move(headers), std::move(trailers))](
                 Exchange& exchange) { exchange.reply(answer); });
}

Script& Script::reply_sse(std::vector<std::string> events) {
  return add([events = std::move(events)](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    for (const std::string& event : events) exchange.send(event);
    exchange.finish();
  });
}

Script& Script::stall_after(std::string sent, Fields headers) {
  return add([sent = std::move(sent), headers = std::move(headers)](Exchange& exchange) {
    exchange.start(200, headers);
    if (!sent.empty()) exchange.send(sent);
    exchange.client_gone(Deadline(1h));
  });
}

Script& Script::reply_raw(std::string bytes) {
  return add([bytes = std::move(bytes)](Exchange& exchange) { exchange.raw(bytes); });
}

Script& Script::close() {
  return add([](Exchange& exchange) { exchange.close(); });
}

Script& Script::reset() {
  return add([](Exchange& exchange) { exchange.reset(); });
}

Script& Script::hang() {
  return add([](Exchange& exchange) { exchange.client_gone(Deadline(1h)); });
}

Script& Script::rst_stream(std::uint32_t code) {
  return add([code](Exchange& exchange) { exchange.rst_stream(code); });
}

Script& Script::goaway(std::int32_t last_stream, std::uint32_t code) {
  return add([=](Exchange& exchange) { exchange.goaway(last_stream, code); });
}

Script& Script::manually() {
  return add([this](Exchange& exchange) { owner_.hold(exchange); });
}

Script& Script::before_body() {
  const std::lock_guard lock(owner_.mutex_);
  reads_body_first_ = false;
  return *this;
}

Script& Script::times(int count) {
  const std::lock_guard lock(owner_.mutex_);
  left_ = count;
  return *this;
}

Script& Script::always() {
  const std::lock_guard lock(owner_.mutex_);
  left_ = std::numeric_limits<int>::max();
  optional_ = true;
  return *this;
}

}  // namespace outrigger::test
