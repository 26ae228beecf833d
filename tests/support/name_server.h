// A DNS server on a loopback address of its own, at the port that resolv.conf knows. It has one
// address for every name, and the test may change it. Needs the right to bind port 53.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "tests/support/socket.h"

namespace outrigger::test {

class NameServer {
 public:
  // Throws when port 53 may not be bound.
  explicit NameServer(std::string ipv4);
  ~NameServer();

  // What every name's A record says from now on, with a TTL of 0; empty: names have no address.
  void set(std::string ipv4);
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  void serve();
  [[nodiscard]] std::string answer(std::string_view query) const;

  std::string address_;
  Socket socket_;
  mutable std::mutex mutex_;
  std::string ipv4_;
  std::thread thread_;
};

}  // namespace outrigger::test
