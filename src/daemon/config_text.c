/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration's text before libconfig sees it; see config_text.h. */
#include "daemon/config_text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

struct scanner {
	const char *at;
	const char *end;
	char *out;
	unsigned line;
	const char *wrong;
};

/* Copies one character; the only place that counts lines. */
static void copy(struct scanner *scanner)
{
	if (*scanner->at == '\n')
		scanner->line++;
	/* libconfig would take it for the end and ignore the rest. */
	if (*scanner->at == '\0')
		scanner->wrong = "there is a NUL byte: this is no text file";
	*scanner->out++ = *scanner->at++;
}

static bool is_next(const struct scanner *scanner, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(scanner->end - scanner->at) >= len && memcmp(scanner->at, text, len) == 0;
}

static void copy_line(struct scanner *scanner)
{
	while (scanner->at < scanner->end && *scanner->at != '\n')
		copy(scanner);
}

static void copy_comment(struct scanner *scanner)
{
	/* Its asterisk does not end it. */
	copy(scanner);
	copy(scanner);
	while (scanner->at < scanner->end && !is_next(scanner, "*/"))
		copy(scanner);
}

static void copy_string(struct scanner *scanner)
{
	copy(scanner);
	while (scanner->at < scanner->end && *scanner->at != '"') {
		if (*scanner->at == '\\' && scanner->at + 1 < scanner->end)
			copy(scanner);
		copy(scanner);
	}
	if (scanner->at < scanner->end)
		copy(scanner);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

static void copy_word(struct scanner *scanner)
{
	while (scanner->at < scanner->end && is_word(*scanner->at))
		copy(scanner);
}

/* A number: its digits and, where libconfig would cut it off, an L behind them. */
static void copy_number(struct scanner *scanner)
{
	char digits[32];
	const char *first = scanner->at;
	uint64_t value;
	size_t len;
	int rc;

	while (scanner->at < scanner->end && isalnum((unsigned char)*scanner->at))
		copy(scanner);
	len = (size_t)(scanner->at - first);
	/* A fraction, or no number at all: libconfig and the tables know what to say. */
	if (scanner->at < scanner->end && *scanner->at == '.') {
		while (scanner->at < scanner->end &&
		       (isalnum((unsigned char)*scanner->at) || strchr(".+-", *scanner->at) != NULL))
			copy(scanner);
		return;
	}
	if (first[len - 1] == 'L' && len > 1)
		len--;
	if (first[len - 1] == 'L' && len > 1)
		len--;
	rc = -ERANGE;
	if (len < sizeof(digits)) {
		memcpy(digits, first, len);
		digits[len] = '\0';
		rc = parse_u64(digits, &value);
	}
	if (rc == -ERANGE || (rc == 0 && value > INT64_MAX)) {
		scanner->wrong = "this integer is too large";
		return;
	}
	if (rc == 0 && value > INT32_MAX && scanner->at[-1] != 'L')
		*scanner->out++ = 'L';
}

static void copy_token(struct scanner *scanner)
{
	char c = *scanner->at;

	if (c == '"') {
		copy_string(scanner);
	} else if (c == '#' || is_next(scanner, "//")) {
		copy_line(scanner);
	} else if (is_next(scanner, "/*")) {
		copy_comment(scanner);
	} else if (isdigit((unsigned char)c)) {
		copy_number(scanner);
	} else if (isalpha((unsigned char)c) || c == '*') {
		copy_word(scanner);
	} else if (is_next(scanner, "@include")) {
		scanner->wrong = "@include is not supported";
	} else {
		copy(scanner);
	}
}

int config_text_prepare(const char *text, size_t len, char **out, unsigned *line, char *error,
			size_t error_size)
{
	struct scanner scanner = { .at = text, .end = text + len, .line = 1 };
	/* At most one L behind each number, which has ten digits then. */
	char *copied = malloc(len + len / 8 + 2);

	if (copied == NULL) {
		*line = 0;
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	scanner.out = copied;
	while (scanner.at < scanner.end && scanner.wrong == NULL)
		copy_token(&scanner);
	if (scanner.wrong != NULL) {
		*line = scanner.line;
		snprintf(error, error_size, "%s", scanner.wrong);
		free(copied);
		return -EINVAL;
	}
	*scanner.out = '\0';
	*out = copied;
	return 0;
}

/* Reads all of FD, at most CONFIG_TEXT_MAX bytes. */
static int read_all(int fd, char **out, size_t *len)
{
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	size_t used = 0;
	ssize_t got = -1;

	if (text == NULL)
		return -ENOMEM;
	while (used <= CONFIG_TEXT_MAX) {
		got = read(fd, text + used, CONFIG_TEXT_MAX + 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (got < 0 || used > CONFIG_TEXT_MAX) {
		int rc = got < 0 ? -errno : -EFBIG;

		free(text);
		return rc;
	}
	text[used] = '\0';
	*out = text;
	*len = used;
	return 0;
}

static int check_private(int fd, const char *file, char *error, size_t error_size)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0) {
		snprintf(error, error_size, "%s: %s", file, strerror(errno));
		return -errno;
	}
	if (stat.st_uid != 0 && stat.st_uid != geteuid()) {
		snprintf(error, error_size,
			 "%s: a file with secrets must belong to root or to the daemon's user, not to "
			 "user %u",
			 file, (unsigned)stat.st_uid);
		return -EPERM;
	}
	if ((stat.st_mode & 077) != 0) {
		snprintf(error, error_size,
			 "%s: a file with secrets must be its owner's alone, but its mode is %04o: "
			 "chmod 600 it",
			 file, (unsigned)stat.st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

bool config_text_is_shown(const char *file)
{
	struct stat found;

	return stat(file, &found) == 0 && (found.st_mode & 044) != 0;
}

static int read_file(const char *file, bool is_private, char **out, size_t *len, char *error,
		     size_t error_size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc = fd < 0 ? -errno : 0;

	error[0] = '\0';
	if (rc == 0 && is_private)
		rc = check_private(fd, file, error, error_size);
	if (rc == 0)
		rc = read_all(fd, out, len);
	if (fd >= 0)
		close(fd);
	if (rc != 0 && error[0] == '\0')
		snprintf(error, error_size, "%s: %s", file, strerror(-rc));
	return rc;
}

int config_text_read(const char *file, char **out, size_t *len, char *error, size_t error_size)
{
	return read_file(file, false, out, len, error, error_size);
}

int config_text_read_private(const char *file, char **out, size_t *len, char *error,
			     size_t error_size)
{
	return read_file(file, true, out, len, error, error_size);
}
