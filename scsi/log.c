/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LOG SENSE over the table of log pages: SPC-5 sections 6.8 and 7.3. Counters
 * are since the daemon's start; nothing is saved and there are no thresholds.
 */
#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	DS = 0x80, /* nothing is saved */
	SPF = 0x40,
	CUMULATIVE = 1, /* PAGE CONTROL */
	ALL_SUBPAGES = 0xff,
	BOUNDED_COUNTER = 0x00, /* FORMAT AND LINKING */
	BINARY_LIST = 0x03,
	NO_TEMPERATURE = 0xff,
};

struct log_page {
	uint8_t code;
	uint8_t subpage;
	uint16_t last; /* its highest parameter code; 0 where it has no parameters */
	void (*put)(const struct scsi_lu *lu, uint16_t from, struct cursor *out);
};

/* The head of parameter CODE; false when it comes before the first that is wanted. */
static bool put_head(struct cursor *out, uint16_t code, uint16_t from, uint8_t format,
		     uint8_t length)
{
	if (code < from)
		return false;
	cursor_put_u16(out, code);
	cursor_put_u8(out, format);
	cursor_put_u8(out, length);
	return true;
}

/* TOTAL BYTES PROCESSED is the only one of the error counters that a store tells of. */
enum { BYTES_PROCESSED = 0x0005 };

static void put_written(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	struct scsi_lu_info sum = { 0 };

	lu_sum_counters(lu, &sum);
	if (put_head(out, BYTES_PROCESSED, from, BOUNDED_COUNTER, 8))
		cursor_put_u64(out, sum.written_bytes);
}

static void put_read(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	struct scsi_lu_info sum = { 0 };

	lu_sum_counters(lu, &sum);
	if (put_head(out, BYTES_PROCESSED, from, BOUNDED_COUNTER, 8))
		cursor_put_u64(out, sum.read_bytes);
}

static void put_temperature(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	if (put_head(out, 0x0000, from, BINARY_LIST, 2))
		cursor_put_u16(out, NO_TEMPERATURE);
}

/* Commands and blocks; how long they took is not measured. */
static void put_statistics(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	struct scsi_lu_info sum = { 0 };

	lu_sum_counters(lu, &sum);
	if (!put_head(out, 0x0001, from, BINARY_LIST, 64))
		return;
	cursor_put_u64(out, sum.reads);
	cursor_put_u64(out, sum.writes);
	cursor_put_u64(out, sum.written_bytes >> lu->block_shift); /* blocks received */
	cursor_put_u64(out, sum.read_bytes >> lu->block_shift); /* blocks transmitted */
	cursor_put_zeros(out, 32);
}

/* None: ASC and ASCQ are zero. */
static void put_exceptions(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	if (!put_head(out, 0x0000, from, BINARY_LIST, 4))
		return;
	cursor_put_u16(out, 0);
	cursor_put_u8(out, NO_TEMPERATURE);
	cursor_put_u8(out, 0);
}

static void put_pages(const struct scsi_lu *lu, uint16_t from, struct cursor *out);
static void put_subpages(const struct scsi_lu *lu, uint16_t from, struct cursor *out);

/* In ascending order, as page 00h must have them. */
static const struct log_page pages[] = {
	{ 0x00, 0x00, 0, put_pages },        { 0x00, ALL_SUBPAGES, 0, put_subpages },
	{ 0x02, 0x00, 0x0005, put_written }, { 0x03, 0x00, 0x0005, put_read },
	{ 0x0d, 0x00, 0, put_temperature },  { 0x19, 0x00, 0x0001, put_statistics },
	{ 0x2f, 0x00, 0, put_exceptions },
};

static void put_pages(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	(void)from;
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].subpage == 0)
			cursor_put_u8(out, pages[i].code);
	}
}

static void put_subpages(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	(void)from;
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		cursor_put_u8(out, pages[i].code);
		cursor_put_u8(out, pages[i].subpage);
	}
}

static const struct log_page *find_page(uint8_t code, uint8_t subpage)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].code == code && pages[i].subpage == subpage)
			return &pages[i];
	}
	return NULL;
}

int spc_log_sense(struct scsi_cmd *cmd, struct cursor *out)
{
	uint8_t code = cmd->cdb[2] & 0x3f;
	uint8_t subpage = cmd->cdb[3];
	uint16_t from = get_be16(cmd->cdb + 5);
	const struct log_page *page = find_page(code, subpage);

	if (page == NULL) {
		if (find_page(code, 0) != NULL)
			sense_invalid_field(cmd, 3, 7);
		else
			sense_invalid_field(cmd, 2, 5);
		return -1;
	}
	if (cmd->cdb[2] >> 6 != CUMULATIVE) {
		sense_invalid_field(cmd, 2, 7);
		return -1;
	}
	if (from > page->last) {
		sense_invalid_field(cmd, 5, 7);
		return -1;
	}
	cursor_put_u8(out, DS | (subpage != 0 ? SPF : 0) | code);
	cursor_put_u8(out, subpage);
	cursor_put_u16(out, 0);
	page->put(cmd->lu, from, out);
	put_be16(out->begin + 2, (uint16_t)(cursor_offset(out) - 4));
	return SCSI_DONE;
}
