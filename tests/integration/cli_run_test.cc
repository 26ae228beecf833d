// What stops `outrigger run` from starting: one clear line, the right exit code, at once.
#include "tests/integration/cli_fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace outrigger::test {
namespace {

// A loopback port that someone else listens on.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_, raw, size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    EXPECT_EQ(getsockname(fd_, raw, &size), 0);
    text_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  ~TakenPort() { close(fd_); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  int fd_;
  std::string text_;
};

// Every port is free, so that only what the test is about can fail.
constexpr const char* kFreePorts =
    "version: 1\nserver: {listen: '127.0.0.1:0', admin: '127.0.0.1:0', health: '127.0.0.1:0'}\n";
constexpr const char* kUpstreams = "upstreams:\n  openai: {use: openai}\n";

class CliRun : public Cli {
 protected:
  // The one line on stderr that says what is wrong.
  static void expect_one_line(const Output& output, const std::vector<std::string>& says) {
    EXPECT_EQ(lines(output.err).size(), 1u) << output.err;
    for (const std::string& part : says) {
      EXPECT_NE(output.err.find(part), std::string::npos)
          << "no \"" << part << "\" in " << output.err;
    }
  }
};

TEST_F(CliRun, PortInUseIsAFailureThatNamesTheAddress) {
  const TakenPort taken;
  for (const std::string flag : {"--listen", "--health"}) {
    SCOPED_TRACE(flag);
    Words words = {"run", write("outrigger.yaml", std::string(kFreePorts) + kUpstreams)};
    words.insert(words.end(), {flag, taken.text()});
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, 1);
    expect_one_line(output, {taken.text(), "in use"});
  }
}

// The same failure is told whatever the log is told to keep to itself.
TEST_F(CliRun, QuietLogStillTellsWhyItDidNotStart) {
  const TakenPort taken;
  const Output output = outrigger({"run", "--log-level", "error", "--listen", taken.text()});
  EXPECT_EQ(output.code, 1);
  expect_one_line(output, {taken.text()});
  EXPECT_EQ(outrigger({"run", "--log-level", "loud"}).code, 2);
}

TEST_F(CliRun, AddressThatIsNotOursIsAFailure) {
  const Output output = outrigger({"run", "--listen", "192.0.2.1:4170"});  // RFC 5737: nobody's
  EXPECT_EQ(output.code, 1);
  expect_one_line(output, {"192.0.2.1:4170"});
}

// On a terminal, and there only: programs read the log.
TEST_F(CliRun, NamesTheBaseUrlsOnATerminal) {
  const std::string address = TakenPort().text();  // free again
  write("outrigger.yaml",
        "version: 1\nserver: {listen: '" + address +
            "', admin: '127.0.0.1:0', health: '127.0.0.1:0', drain: {announce: 0s}}\n" +
            kUpstreams);
  Process terminal({"/usr/bin/env", "TERM=xterm", std::string("O=") + OUTRIGGER_BINARY, "script",
                    "-qec", "$O run & echo $! > pid; wait", "/dev/null"},
                   {.folder = folder_.path("")});
  const std::string command = "eval \"$(outrigger env --listen " + address + ")\"";
  const auto said = [&](const std::string& text) {
    return terminal.standard_output().find(text) != std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return said(command); })) << terminal.standard_output();
  EXPECT_TRUE(said("http://" + address + "/openai/v1")) << terminal.standard_output();
  const std::string pid = read_file(folder_.path("pid"));
  ASSERT_FALSE(pid.empty());
  kill(std::stoi(pid), SIGTERM);
  EXPECT_EQ(terminal.wait_exit(), 0);
}

TEST_F(CliRun, MissingFileIsABadConfiguration) {
  const Output output = outrigger({"run", "no-such.yaml"});
  EXPECT_EQ(output.code, 3);
  EXPECT_NE(output.err.find("no-such.yaml"), std::string::npos);
  EXPECT_NE(output.err.find("No such file"), std::string::npos) << output.err;
}

TEST_F(CliRun, FolderInPlaceOfAFileIsABadConfiguration) {
  const Output output = outrigger({"run", "/"});
  EXPECT_EQ(output.code, 3);
  EXPECT_NE(output.err.find("directory"), std::string::npos) << output.err;
}

TEST_F(CliRun, MissingVariableAndSecretFileSayWhereTheyAreWanted) {
  for (const std::string value : {"\"${NOT_SET_ANYWHERE}\"", "file:/no/such/secret"}) {
    SCOPED_TRACE(value);
    write("outrigger.yaml",
          std::string(kFreePorts) + "store: {encryption_key: " + value + "}\n" + kUpstreams);
    const Output output = outrigger({"run"});
    EXPECT_EQ(output.code, 3);
    EXPECT_EQ(output.err.rfind("outrigger.yaml:3:25: error OUT-14", 0), 0u) << output.err;
  }
}

TEST_F(CliRun, UnreadableOrWrongCertificateIsABadConfiguration) {
  const CertificateAuthority authority;
  const Identity mine = authority.server({"localhost"});
  const Identity other = authority.server({"localhost"});
  write("key.pem", mine.key_pem);
  write("other.pem", other.certificate_pem);
  write("nonsense.pem", "not a certificate\n");
  for (const std::string certificate : {"missing.pem", "nonsense.pem", "other.pem"}) {
    SCOPED_TRACE(certificate);
    write(
        "outrigger.yaml",
        "version: 1\nserver:\n  listen: 127.0.0.1:0\n  admin: 127.0.0.1:0\n  health: 127.0.0.1:0\n"
        "  tls: {certificate_file: " +
            certificate + ", key_file: key.pem}\n" + kUpstreams);
    const Output output = outrigger({"run"});
    EXPECT_TRUE(output.code == 3 || output.code == 1) << output.code;
    EXPECT_NE(output.err.find(certificate), std::string::npos) << output.err;
  }
}

TEST_F(CliRun, DataFolderThatCannotBeMadeIsAFailure) {
  write("file", "in the way");
  write("outrigger.yaml", std::string(kFreePorts) + "store: {path: file/data}\n" + kUpstreams);
  const Output output = outrigger({"run"});
  EXPECT_EQ(output.code, 1);
  expect_one_line(output, {"file/data"});
}

TEST_F(CliRun, BadConfigurationIsToldAsCheckTellsIt) {
  write("outrigger.yaml", kMisspelt);
  const Output run = outrigger({"run"});
  EXPECT_EQ(run.code, 3);
  ASSERT_FALSE(run.err.empty());
  EXPECT_EQ(outrigger({"check", "outrigger.yaml"}).out.rfind(run.err, 0), 0u) << run.err;
}

}  // namespace
}  // namespace outrigger::test
