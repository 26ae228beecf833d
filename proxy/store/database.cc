#include "proxy/store/database.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <leveldb/filter_policy.h>

#include "proxy/store/leveldb_words.h"

namespace outrigger::store {
namespace {

constexpr std::size_t kWriteBuffer = 16 * 1024 * 1024;
constexpr int kBloomBits = 10;

leveldb::ReadOptions reading() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  return options;
}

}  // namespace

Database::Database(std::string path, leveldb::Env& env)
    : path_(std::move(path)), env_(env), filter_(leveldb::NewBloomFilterPolicy(kBloomBits)) {}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(std::string path, leveldb::Env& env,
                                                 Missing missing) {
  auto database = std::unique_ptr<Database>(new Database(std::move(path), env));
  if (Status opened = database->open_files(missing); !opened) {
    return std::unexpected(std::move(opened).error());
  }
  return database;
}

Status Database::open_files(Missing missing) {
  leveldb::Options options;
  options.create_if_missing = missing == Missing::kCreate;
  options.paranoid_checks = true;
  options.env = &env_;
  options.write_buffer_size = kWriteBuffer;
  options.compression = leveldb::kNoCompression;  // what is sealed does not shrink
  options.filter_policy = filter_.get();
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, path_, &opened);
  if (!status.ok()) return failed(path_, status);
  db_.reset(opened);
  return {};
}

Status Database::reopen() {
  const std::unique_lock lock(mutex_);
  db_.reset();
  ++reopened_;
  return open_files(Missing::kRefuse);
}

void Database::revive() {
  if (db_ == nullptr) static_cast<void>(reopen());
}

Status Database::write(leveldb::WriteBatch& batch) {
  if (db_ == nullptr) {
    if (Status opened = reopen(); !opened) return opened;
  }
  leveldb::WriteOptions options;
  options.sync = true;
  const leveldb::Status status = db_->Write(options, &batch);
  if (status.ok()) return {};
  // When this fails, too, the next write tries again.
  static_cast<void>(reopen());
  return failed(path_, status);
}

Result<std::optional<std::string>> Database::get(std::string_view key) const {
  const std::shared_lock lock(mutex_);
  if (db_ == nullptr) return fail(Errc::kSystem, Origin::kProxy, "store_io", path_ + " is closed");
  std::string value;
  const leveldb::Status status = db_->Get(reading(), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return failed(path_, status);
  return std::optional(std::move(value));
}

Status Database::scan(std::string_view prefix, const Visit& visit, std::string_view first) const {
  const std::shared_lock lock(mutex_);
  if (db_ == nullptr) return fail(Errc::kSystem, Origin::kProxy, "store_io", path_ + " is closed");
  const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(reading()));
  for (at->Seek(slice(std::max(prefix, first))); at->Valid(); at->Next()) {
    if (!view(at->key()).starts_with(prefix)) break;
    if (!visit(view(at->key()), view(at->value()))) break;
  }
  if (!at->status().ok()) return failed(path_, at->status());
  return {};
}

// LevelDB does not tell how it went, but refuses to write from then on when it went wrong.
Status Database::compact() {
  {
    const std::shared_lock lock(mutex_);
    if (db_ == nullptr) {
      return fail(Errc::kSystem, Origin::kProxy, "store_io", path_ + " is closed");
    }
    db_->CompactRange(nullptr, nullptr);
  }
  leveldb::WriteBatch nothing;
  return write(nothing);
}

}  // namespace outrigger::store
