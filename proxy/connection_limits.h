// How many client connections the process and each client address may have. Shared by all workers;
// asked once a connection, so one lock is enough.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "proxy/net/address.h"

namespace outrigger {

class ConnectionLimits {
 public:
  enum class Verdict { kAdmitted, kProcessLimit, kClientLimit };

  void set(std::uint32_t total, std::uint32_t per_client);
  Verdict admit(const SocketAddress& client);
  // Once for each admitted connection.
  void leave(const SocketAddress& client);
  [[nodiscard]] std::uint32_t open() const;

 private:
  mutable std::mutex mutex_;
  std::uint32_t total_ = 0;
  std::uint32_t per_client_ = 0;
  std::uint32_t open_ = 0;
  std::unordered_map<std::string, std::uint32_t> by_client_;  // by address bytes, without the port
};

}  // namespace outrigger
