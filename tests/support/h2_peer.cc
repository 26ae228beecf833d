#include "tests/support/h2_peer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace outrigger::test {
namespace {

std::vector<nghttp2_nv> name_values(const Fields& fields) {
  std::vector<nghttp2_nv> list;
  list.reserve(fields.size());
  for (const auto& [name, value] : fields) {
    list.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                    value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return list;
}

std::string text(const uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

// All run on the connection's thread with the mutex held.
struct H2Peer::Callbacks {
  static H2Peer& peer(void* user) { return *static_cast<H2Peer*>(user); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame*, void* user) {
    peer(user).block_.clear();
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                    std::size_t name_size, const uint8_t* value, std::size_t value_size, uint8_t,
                    void* user) {
    peer(user).block_.emplace_back(text(name, name_size), text(value, value_size));
    return 0;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Peer& self = peer(user);
    const StreamId id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_HEADERS) self.take_block(id);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      self.streams_[id].in.reset = frame->rst_stream.error_code;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self.goaway_ = Goaway{frame->goaway.last_stream_id, frame->goaway.error_code};
    }
    const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      self.streams_[id].in.ended = true;
    }
    return 0;
  }

  static int data(nghttp2_session*, uint8_t, StreamId id, const uint8_t* bytes, std::size_t size,
                  void* user) {
    peer(user).streams_[id].inbox.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }

  static int stream_close(nghttp2_session*, StreamId id, uint32_t, void* user) {
    peer(user).streams_[id].in.closed = true;
    return 0;
  }

  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    peer(user).failure_ =
        fmt::format("frame type {} not sent: {}", frame->hd.type, nghttp2_strerror(error));
    return 0;
  }

  static ssize_t body(nghttp2_session* session, StreamId id, uint8_t* out, std::size_t room,
                      uint32_t* flags, nghttp2_data_source*, void* user) {
    Stream& stream = peer(user).streams_[id];
    const std::size_t size = std::min(room, stream.outbox.size() - stream.outbox_used);
    std::memcpy(out, stream.outbox.data() + stream.outbox_used, size);
    stream.outbox_used += size;
    stream.sent += size;
    if (all_sent(stream)) {
      stream.outbox.clear();
      stream.outbox_used = 0;
    }
    if (all_sent(stream) && stream.finished) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream.out_trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto list = name_values(stream.out_trailers);
        nghttp2_submit_trailer(session, id, list.data(), list.size());
      }
    } else if (size == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(size);
  }
};

void H2Peer::take_block(StreamId id) {
  Incoming& in = streams_[id].in;
  const std::string status = value_of(block_, ":status");
  if (in.head_seen) {
    in.trailers = std::exchange(block_, {});
  } else if (status.size() == 3 && status[0] == '1') {
    in.interim.push_back(std::exchange(block_, {}));
  } else {
    in.head = std::exchange(block_, {});
    in.head_seen = true;
    if (role_ == Role::kServer) new_heads_.push_back(id);
  }
}

H2Peer::H2Peer(Channel channel, Role role, H2Options options, std::function<void(StreamId)> on_head)
    : channel_(std::move(channel)), role_(role), on_head_(std::move(on_head)) {
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::stream_close);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Callbacks::frame_not_sent);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  if (role == Role::kClient) {
    nghttp2_session_client_new2(&session_, callbacks, this, option);
  } else {
    nghttp2_session_server_new2(&session_, callbacks, this, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<StreamId>(options.connection_window));
  thread_ = std::thread([this] { run(); });
}

H2Peer::~H2Peer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
  channel_.close();
  nghttp2_session_del(session_);
  ::close(wake_fd_);
}

H2Peer::StreamId H2Peer::open(const Fields& head, End end) {
  const std::lock_guard lock(mutex_);
  const auto list = name_values(head);
  nghttp2_data_provider provider{{.ptr = nullptr}, Callbacks::body};
  const StreamId id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                             end == End::kYes ? nullptr : &provider, nullptr);
  if (id < 0) give_up("cannot open a stream: {}", nghttp2_strerror(id));
  streams_[id].in.closed = ended_;
  wake();
  return id;
}

void H2Peer::send_head(StreamId id, const Fields& head, End end) {
  const std::lock_guard lock(mutex_);
  const auto list = name_values(head);
  nghttp2_data_provider provider{{.ptr = nullptr}, Callbacks::body};
  nghttp2_submit_response(session_, id, list.data(), list.size(),
                          end == End::kYes ? nullptr : &provider);
  wake();
}

void H2Peer::send_interim(StreamId id, const Fields& head) {
  const std::lock_guard lock(mutex_);
  const auto list = name_values(head);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, list.data(), list.size(),
                         nullptr);
  wake();
}

bool H2Peer::send(StreamId id, std::string_view bytes, Deadline deadline) {
  std::unique_lock lock(mutex_);
  streams_[id].outbox += bytes;
  nghttp2_session_resume_data(session_, id);
  wake();
  bool gone = false;
  const bool sent = wait(lock, deadline, [&] {
    gone = streams_[id].in.closed;
    return gone || (all_sent(streams_[id]) && output_.empty());
  });
  if (!sent && !ended_) {
    give_up("the peer takes no more of stream {}", id);
  }
  return sent && !gone;
}

std::size_t H2Peer::send_until_blocked(StreamId id, std::string_view bytes, Milliseconds quiet) {
  std::unique_lock lock(mutex_);
  streams_[id].outbox += bytes;
  nghttp2_session_resume_data(session_, id);
  wake();
  for (;;) {
    const std::size_t before = streams_[id].sent;
    const bool moved = wait(lock, Deadline(quiet), [&] { return streams_[id].sent != before; });
    if (!moved) return before;
  }
}

void H2Peer::finish(StreamId id, const Fields& trailers) {
  const std::lock_guard lock(mutex_);
  streams_[id].finished = true;
  streams_[id].out_trailers = trailers;
  nghttp2_session_resume_data(session_, id);
  wake();
}

void H2Peer::reset(StreamId id, std::uint32_t code) {
  const std::lock_guard lock(mutex_);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  wake();
}

void H2Peer::goaway(StreamId last, std::uint32_t code) {
  const std::lock_guard lock(mutex_);
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, code, nullptr, 0);
  wake();
}

void H2Peer::ping() {
  const std::lock_guard lock(mutex_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  wake();
}

H2Peer::Incoming H2Peer::peek(StreamId id) {
  const std::lock_guard lock(mutex_);
  return streams_[id].in;
}

bool H2Peer::wait_head(StreamId id, Deadline deadline) {
  std::unique_lock lock(mutex_);
  const Incoming& in = streams_[id].in;
  wait(lock, deadline, [&] { return in.head_seen || in.closed; });
  return in.head_seen;
}

bool H2Peer::wait_interim(StreamId id, std::size_t count, Deadline deadline) {
  std::unique_lock lock(mutex_);
  const Incoming& in = streams_[id].in;
  wait(lock, deadline, [&] { return in.interim.size() >= count || in.closed; });
  return in.interim.size() >= count;
}

std::string H2Peer::read_some(StreamId id, Deadline deadline) {
  std::unique_lock lock(mutex_);
  Stream& stream = streams_[id];
  wait(lock, deadline,
       [&] { return !stream.inbox.empty() || stream.in.ended || stream.in.closed; });
  std::string bytes = std::exchange(stream.inbox, {});
  if (!bytes.empty() && !ended_) {
    nghttp2_session_consume(session_, id, bytes.size());
    wake();
  }
  return bytes;
}

bool H2Peer::wait_reset(StreamId id, Deadline deadline) {
  std::unique_lock lock(mutex_);
  const Incoming& in = streams_[id].in;
  wait(lock, deadline, [&] { return in.reset.has_value(); });
  return in.reset.has_value() || ended_;
}

bool H2Peer::wait_closed(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline.at(), [&] { return ended_; });
}

std::optional<H2Peer::Goaway> H2Peer::goaway_received() {
  const std::lock_guard lock(mutex_);
  return goaway_;
}

std::string H2Peer::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void H2Peer::abort() {
  channel_.shut_down();
}

void H2Peer::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

// ---- the connection's thread ----

void H2Peer::run() {
  try {
    while (flush() && receive()) wait_readable_or_woken();
  } catch (const Failure& failure) {
    const std::lock_guard lock(mutex_);
    failure_ = failure.what();
  }
  end_all();
}

void H2Peer::end_all() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (auto& [id, stream] : streams_) stream.in.closed = true;
  channel_.shut_down();
  changed_.notify_all();
}

// Moves frames to the channel until it takes no more. False: the connection is over.
bool H2Peer::flush() {
  constexpr std::size_t kBatch = 64 * 1024;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      const uint8_t* frame = nullptr;
      ssize_t size = 1;
      while (output_.size() < kBatch && size > 0) {
        size = nghttp2_session_mem_send(session_, &frame);
        if (size > 0)
          output_.append(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size));
      }
      changed_.notify_all();
      if (output_.empty()) {
        return !stop_ &&
               (nghttp2_session_want_read(session_) || nghttp2_session_want_write(session_));
      }
      std::string_view rest = output_;
      const Channel::Status status = channel_.try_write(rest);
      output_.erase(0, output_.size() - rest.size());
      if (status == Channel::Status::kReset) return false;
      if (status == Channel::Status::kWouldBlock) return !stop_;
    }
  }
}

bool H2Peer::receive() {
  std::string bytes;
  std::vector<StreamId> heads;
  for (;;) {
    bytes.clear();
    const Channel::Status status = channel_.try_read(bytes);
    if (status == Channel::Status::kWouldBlock) return true;
    if (status != Channel::Status::kDone) return false;
    {
      const std::lock_guard lock(mutex_);
      const ssize_t used = nghttp2_session_mem_recv(
          session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      if (used < 0) {
        failure_ = nghttp2_strerror(static_cast<int>(used));
        return false;
      }
      heads.swap(new_heads_);
      changed_.notify_all();
    }
    for (const StreamId id : heads) on_head_(id);
    heads.clear();
    if (!flush()) return false;
  }
}

void H2Peer::wait_readable_or_woken() {
  short events = POLLIN;
  {
    const std::lock_guard lock(mutex_);
    if (!output_.empty()) events |= POLLOUT;
  }
  pollfd entries[] = {{channel_.fd(), events, 0}, {wake_fd_, POLLIN, 0}};
  ::poll(entries, 2, -1);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &count, sizeof count);
}

}  // namespace outrigger::test
