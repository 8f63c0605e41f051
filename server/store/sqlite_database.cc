#include "server/store/sqlite_database.h"

#include <sqlite3.h>
#include <sys/vfs.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr int kBusyTimeoutMs = 5'000;

// Names the file: there are several, and who reads the message may have to mend one.
absl::Status ToStatus(sqlite3* database, int code) {
  const char* file = database == nullptr ? nullptr : sqlite3_db_filename(database, "main");
  std::string message = absl::StrCat(file == nullptr ? "database" : file, ": ",
                                     database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(
          absl::StrCat(message, ": the file is damaged; put a copy of it back, or move it away"));
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(message);
    case SQLITE_MISUSE:
    case SQLITE_ERROR:
      return absl::InternalError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status RefuseNetworkFileSystem(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  struct statfs status;
  if (statfs(folder.c_str(), &status) != 0) return absl::OkStatus();  // opening will say what is wrong
  switch (static_cast<uint32_t>(status.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
      return absl::FailedPreconditionError(absl::StrCat(
          folder, " is on a network file system, where a database can be damaged; choose a local --state"));
    default:
      return absl::OkStatus();
  }
}

}  // namespace

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      bind_error_(other.bind_error_) {}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::Bind(int parameter, int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_, parameter, value);
  return *this;
}
SqliteStatement& SqliteStatement::Bind(int parameter, double value) {
  bind_error_ |= sqlite3_bind_double(statement_, parameter, value);
  return *this;
}
SqliteStatement& SqliteStatement::Bind(int parameter, absl::string_view text) {
  bind_error_ |= sqlite3_bind_text(statement_, parameter, text.data(), text.size(), SQLITE_TRANSIENT);
  return *this;
}
SqliteStatement& SqliteStatement::BindBytes(int parameter, absl::string_view bytes) {
  bind_error_ |= sqlite3_bind_blob(statement_, parameter, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (bind_error_ != SQLITE_OK) return absl::InternalError("a value cannot be bound to a statement");
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return ToStatus(database_, code);
}

absl::Status SqliteStatement::Run() {
  const absl::Status status = Step().status();
  sqlite3_reset(statement_);
  return status;
}

int64_t SqliteStatement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double SqliteStatement::Double(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_, column);
}

std::string SqliteStatement::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return "";
  return std::string(static_cast<const char*>(bytes), sqlite3_column_bytes(statement_, column));
}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const std::string& path,
                                                                     const std::string& schema, int version) {
  PRETEXT_RETURN_IF_ERROR(RefuseNetworkFileSystem(path));
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(connection));
  if (code != SQLITE_OK) {
    const absl::Status status = ToStatus(connection, code);
    return absl::Status(status.code(), absl::StrCat("cannot open ", path, ": ", status.message()));
  }
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  PRETEXT_RETURN_IF_ERROR(database->Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"));
  int64_t found = 0;
  {
    PRETEXT_ASSIGN_OR_RETURN(SqliteStatement read, database->Prepare("PRAGMA user_version"));
    PRETEXT_RETURN_IF_ERROR(read.Step().status());
    found = read.Int(0);
  }
  if (found == version) return database;
  if (found != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, " has format ", found,
                                                      ", and this program writes format ", version,
                                                      "; use the program it was written by, or another "
                                                      "state folder"));
  }
  PRETEXT_RETURN_IF_ERROR(database->Execute(
      absl::StrCat("BEGIN IMMEDIATE; ", schema, "; PRAGMA user_version=", version, "; COMMIT;")));
  return database;
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close(database_); }

absl::Status SqliteDatabase::Execute(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ToStatus(database_, code);
}

absl::StatusOr<SqliteStatement> SqliteDatabase::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_, sql.data(), sql.size(), &statement, nullptr);
  if (code != SQLITE_OK) return ToStatus(database_, code);
  return SqliteStatement(database_, statement);
}

absl::StatusOr<SqliteTransaction> SqliteTransaction::Begin(SqliteDatabase* database) {
  PRETEXT_RETURN_IF_ERROR(database->Execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(database);
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

SqliteTransaction::~SqliteTransaction() {
  if (database_ != nullptr) database_->Execute("ROLLBACK").IgnoreError();
}

absl::Status SqliteTransaction::Commit() {
  PRETEXT_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace pretext
