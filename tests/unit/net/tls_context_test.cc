#include "proxy/net/tls_context.h"

#include <openssl/pem.h>

#include "tests/unit/net/tls_test.h"

namespace outrigger::test {
namespace {

const TlsFiles& files() {
  return TlsFiles::get();
}

// The handshake's end, as the client and the server saw it.
TlsPair shake(const TlsClientSettings& client, const TlsServerSettings& server,
              std::string_view name = kHost) {
  TlsPair pair = make_pair(*load<TlsClientContext>(client), *load<TlsServerContext>(server), name);
  pair.handshake();
  return pair;
}

TlsServerSettings serving(const std::string& name, const Identity& identity) {
  TlsServerSettings settings;
  return files().use(settings, name, identity);
}

void expect_refused(const TlsPair& pair, std::string_view part) {
  ASSERT_FALSE(pair.client_status);
  EXPECT_EQ(pair.client_status.error().code, Errc::kTls);
  EXPECT_EQ(pair.client_status.error().origin, Origin::kUpstream);
  EXPECT_EQ(pair.client_status.error().reason, "tls_certificate_error");
  EXPECT_NE(pair.client_status.error().detail.find(part), std::string::npos)
      << pair.client_status.error().detail;
  ASSERT_FALSE(pair.server_status) << "the server hears of it";
  EXPECT_EQ(pair.server_status.error().reason, "tls_alert_received");
}

TEST(TlsVerification, AcceptsTheNamesOfTheCertificate) {
  for (const std::string_view name : {kHost, std::string_view("a.wild.example"),
                                      std::string_view("127.0.0.1"), std::string_view("::1")}) {
    const TlsPair pair = shake(client_settings(), server_settings(), name);
    EXPECT_TRUE(pair.open()) << name;
    const bool is_ip = name == "127.0.0.1" || name == "::1";
    EXPECT_EQ(pair.server->sni(), is_ip ? "" : name) << "RFC 6066 3: no addresses in SNI";
  }
}

TEST(TlsVerification, RefusesAnotherNameAndTellsWhichOnesFit) {
  for (const std::string_view name :
       {"evil.example", "example.com", "a.b.wild.example", "wild.example", "127.0.0.2"}) {
    const TlsPair pair = shake(client_settings(), server_settings(), name);
    expect_refused(pair, "it is for api.example.com, *.wild.example, 127.0.0.1, ::1");
    EXPECT_NE(pair.client_status.error().detail.find(name), std::string::npos);
  }
}

TEST(TlsVerification, ChecksTheConfiguredServerName) {
  TlsClientSettings settings = client_settings();
  settings.server_name = kHost;
  const TlsPair pair = shake(settings, server_settings(), "10.0.0.1");
  EXPECT_TRUE(pair.open());
  EXPECT_EQ(pair.server->sni(), kHost);
}

TEST(TlsVerification, RefusesExpiredEarlySelfSignedAndForeignCertificates) {
  IssueOptions options;
  options.names = {std::string(kHost)};
  options.valid_from_days = -10;
  options.valid_to_days = -5;
  expect_refused(shake(client_settings(), serving("expired", files().authority.issue(options))),
                 "expired");
  options.valid_from_days = 5;
  options.valid_to_days = 10;
  expect_refused(shake(client_settings(), serving("early", files().authority.issue(options))),
                 "not yet valid");
  options.valid_from_days = -1;
  expect_refused(shake(client_settings(), serving("self", self_signed(options))), "self-signed");
  expect_refused(shake(client_settings(), serving("foreign", files().stranger.issue(options))),
                 "name its CA as the CA file");
  options.purpose = IssueOptions::For::kClient;
  expect_refused(shake(client_settings(), serving("purpose", files().authority.issue(options))),
                 "purpose");
}

TEST(TlsVerification, UsesTheSystemStoreWithoutACaFile) {
  expect_refused(shake(TlsClientSettings{}, server_settings()), "issuer certificate");
}

TEST(TlsVerification, TrustsAServersOwnCertificateWhenThatIsTheCaFile) {
  IssueOptions options;
  options.names = {std::string(kHost)};
  const Identity identity = self_signed(options);
  TlsClientSettings settings;
  settings.ca_file = files().folder.write("pinned.pem", identity.certificate_pem);
  EXPECT_TRUE(shake(settings, serving("pinned-server", identity)).open());
}

TEST(TlsVerification, UnsafeSkipTakesAnything) {
  TlsClientSettings settings;
  settings.unsafe_skip_verification = true;
  const TlsPair pair = shake(settings, server_settings(), "evil.example");
  EXPECT_TRUE(pair.open());
  EXPECT_EQ(pair.client->peer_subject(), "") << "nothing unverified is passed on as a name";
}

TEST(MutualTls, NamesTheVerifiedClient) {
  TlsServerSettings server = server_settings();
  server.client_ca_file = files().ca;
  TlsClientSettings client = client_settings();
  files().use(client, "agent", files().authority.client("agent-7"));
  const TlsPair pair = shake(client, server);
  EXPECT_TRUE(pair.open());
  EXPECT_EQ(pair.server->peer_subject(), "CN=agent-7");
}

TEST(MutualTls, RefusesAClientWithoutOrWithAForeignCertificate) {
  TlsServerSettings server = server_settings();
  server.client_ca_file = files().ca;
  TlsClientSettings none = client_settings();
  TlsClientSettings foreign = client_settings();
  files().use(foreign, "stranger", files().stranger.client("stranger"));
  for (const TlsClientSettings& client : {none, foreign}) {
    TlsPair pair = shake(client, server);
    ASSERT_FALSE(pair.server_status);
    EXPECT_EQ(pair.server_status.error().origin, Origin::kClient);
    // In TLS 1.3 the client is open by then, and learns it from its first read.
    std::string into(100, '\0');
    const Result<std::size_t> n = pair.client->decrypt(into);
    ASSERT_FALSE(n);
    EXPECT_EQ(n.error().reason, "tls_alert_received");
    EXPECT_NE(n.error().detail.find("alert"), std::string::npos);
  }
}

struct AlpnCase {
  std::vector<std::string> client, server;
  std::string_view chosen;  // "-": refused
};

TEST(Alpn, IsTheServersChoice) {  // RFC 7301 3.2
  const AlpnCase cases[] = {
      {{"h2", "http/1.1"}, {"h2", "http/1.1"}, "h2"},
      {{"http/1.1", "h2"}, {"h2", "http/1.1"}, "h2"},
      {{"http/1.1"}, {"h2", "http/1.1"}, "http/1.1"},
      {{"h2"}, {"http/1.1"}, "-"},
      {{"spdy/3"}, {"h2", "http/1.1"}, "-"},
      {{}, {"h2", "http/1.1"}, ""},
      {{"h2"}, {}, ""},
  };
  for (const AlpnCase& row : cases) {
    TlsClientSettings client = client_settings();
    client.alpn = row.client;
    TlsServerSettings server = server_settings();
    server.alpn = row.server;
    const TlsPair pair = shake(client, server);
    EXPECT_EQ(pair.open(), row.chosen != "-");
    if (pair.open()) EXPECT_EQ(pair.client->alpn(), row.chosen);
  }
}

TEST(Alpn, MayBeNarrowedForOneConnection) {
  const auto client = load<TlsClientContext>(client_settings());
  const auto server = load<TlsServerContext>(server_settings());
  const std::vector<std::string> only = {"http/1.1"};
  TlsPair pair{client->connect(kHost, only), server->accept(), {}, {}};
  pair.handshake();
  EXPECT_EQ(pair.client->alpn(), "http/1.1");
}

TEST(Resumption, HappensAcrossWorkersThatShareTicketKeys) {
  TlsServerSettings settings = server_settings();
  settings.ticket_keys = std::make_shared<TlsTicketKeys>();
  const auto first_worker = load<TlsServerContext>(settings);
  const auto second_worker = load<TlsServerContext>(settings);
  const auto client = load<TlsClientContext>(client_settings());
  TlsPair first = make_pair(*client, *first_worker);
  first.handshake();
  EXPECT_FALSE(first.client->resumed());
  TlsPair second = make_pair(*client, *second_worker);
  second.handshake();
  EXPECT_TRUE(second.open());
  EXPECT_TRUE(second.client->resumed());
  EXPECT_TRUE(second.server->resumed());
}

TEST(Resumption, UsesATicketOnceAndKeepsNamesApart) {  // RFC 8446 C.4
  const auto server = load<TlsServerContext>(server_settings());
  const auto client = load<TlsClientContext>(client_settings());
  TlsPair first = make_pair(*client, *server);
  first.handshake();
  const std::size_t tickets = client->sessions();
  ASSERT_GT(tickets, 0u);
  TlsPair other = make_pair(*client, *server, "a.wild.example");
  EXPECT_EQ(client->sessions(), tickets) << "another name's tickets are not for it";
  for (std::size_t used = 0; used < tickets; ++used) (void)client->connect(kHost);
  EXPECT_EQ(client->sessions(), 0u);
}

TEST(Resumption, FallsBackToAFullHandshakeAfterARestartOfTheServer) {
  const auto client = load<TlsClientContext>(client_settings());
  TlsPair first = make_pair(*client, *load<TlsServerContext>(server_settings()));
  first.handshake();
  TlsPair second = make_pair(*client, *load<TlsServerContext>(server_settings()));
  second.handshake();
  EXPECT_TRUE(second.open());
  EXPECT_FALSE(second.client->resumed());
}

// A ticket carries the verdict on the client: another client CA must ask again.
TEST(Resumption, EndsWhenTheClientCaChanges) {
  TlsServerSettings settings = server_settings();
  settings.ticket_keys = std::make_shared<TlsTicketKeys>();
  settings.client_ca_file = files().ca;
  TlsClientSettings mutual = client_settings();
  files().use(mutual, "agent", files().authority.client("agent-7"));
  const auto client = load<TlsClientContext>(mutual);
  TlsPair first = make_pair(*client, *load<TlsServerContext>(settings));
  first.handshake();
  TlsPair again = make_pair(*client, *load<TlsServerContext>(settings));
  again.handshake();
  EXPECT_TRUE(again.server->resumed());
  EXPECT_EQ(again.server->peer_subject(), "CN=agent-7") << "the name survives resumption";
  settings.client_ca_file = files().other_ca;
  TlsPair refused = make_pair(*client, *load<TlsServerContext>(settings));
  refused.handshake();
  EXPECT_FALSE(refused.server->resumed());
  EXPECT_FALSE(refused.server_status);
}

TEST(TlsFilesOnDisk, EveryMistakeNamesItsFileAndTheMend) {
  const TemporaryFolder& folder = files().folder;
  const TlsServerSettings good = server_settings();
  const std::string empty = folder.write("empty.pem", "");
  const std::string directory = folder.path(".");
  const std::string text = folder.write("text.pem", "not a certificate\n");
  const std::string other_key = folder.write("other.key", files().authority.server({"x"}).key_pem);
  struct Case {
    std::string certificate, key, client_ca;
    std::string_view file, part;
  };
  const Case cases[] = {
      {"/nowhere/c.pem", good.key_file, "", "/nowhere/c.pem", "No such file"},
      {good.certificate_file, "/nowhere/c.key", "", "/nowhere/c.key", "No such file"},
      {empty, good.key_file, "", empty, "is empty"},
      {directory, good.key_file, "", directory, "directory"},
      {text, good.key_file, "", text, "no usable PEM certificate"},
      {good.certificate_file, text, "", text, "no usable PEM private key"},
      {good.certificate_file, other_key, "", other_key, "does not belong to"},
      {good.certificate_file, good.key_file, "/nowhere/ca.pem", "/nowhere/ca.pem", "CA file"},
      {good.certificate_file, good.key_file, text, text, "CA file"},
      {good.certificate_file, "", "", "", "both a certificate file and a key file"},
  };
  for (const Case& row : cases) {
    TlsServerSettings settings;
    settings.certificate_file = row.certificate;
    settings.key_file = row.key;
    settings.client_ca_file = row.client_ca;
    const auto context = TlsServerContext::load(settings);
    ASSERT_FALSE(context);
    EXPECT_EQ(context.error().code, Errc::kConfig);
    EXPECT_NE(context.error().detail.find(row.file), std::string::npos) << context.error().detail;
    EXPECT_NE(context.error().detail.find(row.part), std::string::npos) << context.error().detail;
  }
}

TEST(TlsFilesOnDisk, AnEncryptedKeyIsRefusedInsteadOfAskedFor) {
  const Identity identity = files().authority.server({"x"});
  BIO* in = BIO_new_mem_buf(identity.key_pem.data(), static_cast<int>(identity.key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(),
                           reinterpret_cast<const unsigned char*>("secret"), 6, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  TlsServerSettings settings = serving(
      "encrypted", {identity.certificate_pem, std::string(data, static_cast<std::size_t>(size))});
  BIO_free(in);
  BIO_free(out);
  EVP_PKEY_free(key);
  const auto context = TlsServerContext::load(settings);
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().detail.find("without a passphrase"), std::string::npos);
}

TEST(TlsTicketKeys, SealForOneLifetimeAndOpenForTwo) {
  TlsTicketKeys keys;
  const auto at = [](Duration d) { return TimePoint{1h + d}; };
  const TlsTicketKeys::Key first = *keys.current(at(0s));
  EXPECT_EQ(keys.current(at(TlsTicketKeys::kLifetime - 1s))->name, first.name);
  EXPECT_TRUE(keys.find(first.name, at(1h))->current);
  const TlsTicketKeys::Key second = *keys.current(at(TlsTicketKeys::kLifetime));
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  EXPECT_FALSE(keys.find(first.name, at(TlsTicketKeys::kLifetime))->current);
  EXPECT_EQ(keys.find(first.name, at(TlsTicketKeys::kLifetime))->key.mac, first.mac);
  EXPECT_FALSE(keys.find(first.name, at(2 * TlsTicketKeys::kLifetime)));
  const std::array<unsigned char, 16> unknown{};
  EXPECT_FALSE(keys.find(unknown, at(0s)));
}

}  // namespace
}  // namespace outrigger::test
