#include "tests/support/client_calls.h"

namespace outrigger::test {
namespace {

class H1Call final : public Call {
 public:
  H1Call(Channel& channel, H1Reader& reader, std::string_view method, bool chunked)
      : channel_(channel), reader_(reader), method_(method), chunked_(chunked) {}

  bool send(std::string_view bytes) override {
    return channel_.write(chunked_ ? write_chunk(bytes) : std::string(bytes));
  }

  void finish(const Fields& trailers) override {
    if (chunked_) channel_.write(write_last_chunk(trailers));
  }

  Response read_interim(std::size_t count) override {
    while (response_.interim.size() < count) {
      read_one_head(Deadline());
      if (!failure_.empty()) give_up("no interim answer: {}", failure_);
      if (have_head_) give_up("the final answer came first: {}", response_.status);
    }
    return response_.interim[count - 1];
  }

  Response read_head(Deadline deadline) override {
    while (!have_head_ && failure_.empty()) read_one_head(deadline);
    if (!have_head_) give_up("no answer: {}", failure_);
    return response_;
  }

  std::string read_some(Deadline deadline) override {
    if (!surplus_.empty()) return std::exchange(surplus_, {});
    if (!have_head_) read_head(deadline);
    return reader_.read_body_some(deadline);
  }

  Response read_all(Deadline deadline) override {
    while (!have_head_ && failure_.empty()) read_one_head(deadline);
    Response whole = response_;
    if (have_head_) {
      for (std::string piece; !(piece = read_some(deadline)).empty();) whole.body += piece;
      whole.complete = reader_.complete();
      whole.trailers = reader_.trailers();
      failure_ = reader_.failure();
    }
    whole.failure = failure_;
    return whole;
  }

  void cancel() override { channel_.reset(); }

 private:
  void read_one_head(Deadline deadline) {
    H1Head head;
    switch (reader_.read_head(head, deadline)) {
      case H1Reader::Got::kHead:
        return take(head);
      case H1Reader::Got::kEnd:
        failure_ = "the connection was closed";
        return;
      case H1Reader::Got::kReset:
        failure_ = "the connection was reset";
        return;
      case H1Reader::Got::kTimeout:
        give_up("no answer came in time");
    }
  }

  void take(const H1Head& head) {
    if (!head.start_line.starts_with("HTTP/1.1 ") || head.start_line.size() < 13) {
      give_up("not a status line: '{}'", head.start_line);
    }
    Response got;
    got.status = std::stoi(head.start_line.substr(9, 3));
    got.reason = head.start_line.substr(13);
    got.headers = head.fields;
    got.raw_head = head.raw;
    if (got.status / 100 == 1 && got.status != 101) {
      response_.interim.push_back(std::move(got));
      return;
    }
    got.interim = std::move(response_.interim);
    response_ = std::move(got);
    have_head_ = true;
    reader_.expect_body_of_response(head, response_.status, method_);
    if (response_.status == 101 || (method_ == "CONNECT" && response_.status / 100 == 2)) {
      reader_.expect_tunnel();
    }
  }

  Channel& channel_;
  H1Reader& reader_;
  const std::string method_;
  const bool chunked_;
  bool have_head_ = false;
  Response response_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<Call> start_h1_call(Channel& channel, H1Reader& reader, const Request& request,
                                    BodyFollows body) {
  Fields fields{{"Host", request.authority}};
  fields.insert(fields.end(), request.headers.begin(), request.headers.end());
  const bool framed =
      find(fields, "content-length") != nullptr || find(fields, "transfer-encoding") != nullptr;
  const bool upgrade = find(fields, "upgrade") != nullptr || request.method == "CONNECT";
  const bool streams = body == BodyFollows::kYes || !request.trailers.empty();
  const bool chunked = streams && !framed && !upgrade;
  if (chunked) {
    fields.emplace_back("Transfer-Encoding", "chunked");
  } else if (!streams && !framed && !request.body.empty()) {
    fields.emplace_back("Content-Length", std::to_string(request.body.size()));
  }
  std::string message =
      fmt::format("{} {} HTTP/1.1\r\n{}", request.method, request.target, write_fields(fields));
  if (body == BodyFollows::kNo) {
    if (chunked && !request.body.empty()) message += write_chunk(request.body);
    if (!chunked) message += request.body;
    if (chunked) message += write_last_chunk(request.trailers);
  }
  channel.write(message);
  return std::make_unique<H1Call>(channel, reader, request.method, chunked);
}

std::unique_ptr<Call> await_h1_answer(Channel& channel, H1Reader& reader,
                                      std::string_view to_method) {
  return std::make_unique<H1Call>(channel, reader, to_method, false);
}

}  // namespace outrigger::test
