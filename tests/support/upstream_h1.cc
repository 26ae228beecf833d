#include "tests/support/upstream_h1.h"

#include "tests/support/h1_wire.h"

namespace outrigger::test {
namespace {

class H1Exchange final : public Exchange {
 public:
  H1Exchange(Channel& channel, H1Reader& reader, const H1Head& head)
      : channel_(channel), reader_(reader) {
    const std::string& line = head.start_line;
    const std::size_t first = line.find(' ');
    const std::size_t second = line.rfind(' ');
    request.method = line.substr(0, first);
    request.target = first < second ? line.substr(first + 1, second - first - 1) : "";
    request.raw_head = head.raw;
    for (const auto& field : head.fields) {
      if (same_name(field.first, "host")) {
        request.authority = field.second;
      } else {
        request.headers.push_back(field);
      }
    }
    expects_continue_ = same_name(value_of(request.headers, "expect"), "100-continue");
    reader_.expect_body_of_request(head);
  }

  std::string read_body_some(Deadline deadline) override {
    if (std::exchange(expects_continue_, false)) interim(100, {});
    std::string piece = reader_.read_body_some(deadline);
    request.body += piece;
    if (piece.empty()) {
      request.complete = reader_.complete();
      request.trailers = reader_.trailers();
    }
    return piece;
  }

  void interim(int status, const Fields& fields) override {
    expects_continue_ = false;
    put(fmt::format("HTTP/1.1 {} Interim\r\n{}", status, write_fields(fields)));
  }

  void reply(const Response& response) override {
    Fields fields = response.headers;
    const bool chunked = !response.trailers.empty();
    const bool bodiless =
        response.status == 204 || response.status == 304 || response.status / 100 == 1;
    const bool framed = find(fields, "content-length") != nullptr;
    if (chunked) {
      fields.emplace_back("Transfer-Encoding", "chunked");
    } else if (!bodiless && !framed) {
      fields.emplace_back("Content-Length", std::to_string(response.body.size()));
    }
    std::string message = head_text(response.status, response.reason, fields);
    if (request.method != "HEAD" && !bodiless) {
      if (chunked && !response.body.empty()) message += write_chunk(response.body);
      if (!chunked) message += response.body;
      if (chunked) message += write_last_chunk(response.trailers);
    }
    put(message);
    note_close(fields);
  }

  void start(int status, const Fields& fields) override {
    Fields all = fields;
    chunked_ =
        find(all, "content-length") == nullptr && !same_name(value_of(all, "connection"), "close");
    if (chunked_) all.emplace_back("Transfer-Encoding", "chunked");
    put(head_text(status, "", all));
    note_close(all);
  }

  void send(std::string_view bytes) override {
    put(chunked_ ? write_chunk(bytes) : std::string(bytes));
  }

  void finish(const Fields& trailers) override {
    if (chunked_) put(write_last_chunk(trailers));
  }

  std::size_t send_until_blocked(std::string_view bytes, Milliseconds quiet) override {
    const std::string message = chunked_ ? write_chunk(bytes) : std::string(bytes);
    std::string_view rest = message;
    while (!rest.empty()) {
      const Channel::Status status = channel_.try_write(rest);
      if (status == Channel::Status::kReset) throw ClientGone("the client left");
      if (status == Channel::Status::kWouldBlock &&
          !wait_for(channel_.fd(), Wait::kWrite, Deadline(quiet))) {
        break;
      }
    }
    unsent_ = rest;
    return message.size() - rest.size();
  }

  void raw(std::string_view bytes) override { put(bytes); }

  void close() override {
    over_ = true;
    channel_.close();
  }

  void reset() override {
    over_ = true;
    channel_.reset();
  }

  void rst_stream(std::uint32_t) override { give_up("RST_STREAM on HTTP/1"); }
  void goaway(std::int32_t, std::uint32_t) override { give_up("GOAWAY on HTTP/1"); }
  [[nodiscard]] std::int32_t stream_id() const override { return 0; }

  bool client_gone(Deadline deadline) override {
    over_ = true;
    return channel_.wait_for_end(deadline);
  }

  std::string read_tunnel(Deadline deadline) override {
    over_ = true;
    std::string bytes = std::exchange(reader_.leftover(), {});
    if (bytes.empty()) channel_.read(bytes, deadline);
    return bytes;
  }

  // True: no further request may be read from this connection.
  [[nodiscard]] bool over() const { return over_ || !reader_.complete() || !unsent_.empty(); }

 private:
  static std::string head_text(int status, const std::string& reason, const Fields& fields) {
    return fmt::format("HTTP/1.1 {} {}\r\n{}", status, reason.empty() ? "Scripted" : reason,
                       write_fields(fields));
  }

  void note_close(const Fields& fields) {
    if (same_name(value_of(fields, "connection"), "close")) over_ = true;
  }

  void put(std::string_view bytes) {
    if (!unsent_.empty() && !channel_.write(std::exchange(unsent_, {}))) {
      throw ClientGone("the client left");
    }
    if (!channel_.write(bytes)) throw ClientGone("the client left");
  }

  Channel& channel_;
  H1Reader& reader_;
  bool expects_continue_ = false;
  bool chunked_ = false;
  bool over_ = false;
  std::string unsent_;  // what send_until_blocked left behind
};

}  // namespace

void serve_h1(Channel& channel, const std::function<void(Exchange&)>& serve,
              const std::function<void(std::string_view)>& on_bytes_without_request) {
  H1Reader reader(channel);
  H1Head head;
  while (reader.read_head(head, Deadline(1h)) == H1Reader::Got::kHead) {
    H1Exchange exchange(channel, reader, head);
    serve(exchange);
    if (exchange.over()) return;
  }
  if (!reader.leftover().empty()) on_bytes_without_request(reader.leftover());
}

}  // namespace outrigger::test
