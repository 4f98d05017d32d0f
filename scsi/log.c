/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LOG SENSE and LOG SELECT over the table of log pages: SPC-5 sections 6.7, 6.8
 * and 7.3. Counters are since the daemon's start or a reset by LOG SELECT;
 * nothing is saved and there are no thresholds.
 */
#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/provision.h"
#include "scsi/sense.h"

enum {
	DS = 0x80, /* nothing is saved */
	SPF = 0x40,
	CUMULATIVE = 1, /* PAGE CONTROL */
	DEFAULT_CUMULATIVE = 3,
	PCR = 0x02, /* PARAMETER CODE RESET */
	ALL_SUBPAGES = 0xff,
	BOUNDED_COUNTER = 0x00, /* FORMAT AND LINKING */
	UNBOUNDED_COUNTER = 0x02,
	BINARY_LIST = 0x03,
	NO_TEMPERATURE = 0xff,
	SELF_TEST_RESULTS = 0x10,
	SEGMENT_FAILED = 4, /* of a self-test, which one is not told */
};

struct log_page {
	uint8_t code;
	uint8_t subpage;
	uint16_t last; /* its highest parameter code; 0 where it has no parameters */
	void (*put)(const struct scsi_lu *lu, uint16_t from, struct cursor *out);
	bool counts; /* and its counters have a base: */
	uint8_t base;
	bool (*is_known)(const struct scsi_lu *lu); /* optional: whether LU has it */
};

/* What has been counted since page BASE was reset. With lu->control held. */
static struct lu_sums counted(const struct scsi_lu *lu, unsigned base)
{
	const struct lu_sums *from = &lu->log_base[base];
	struct lu_sums sums;

	lu_sum(lu, &sums);
	sums.reads -= from->reads;
	sums.writes -= from->writes;
	sums.read_bytes -= from->read_bytes;
	sums.written_bytes -= from->written_bytes;
	sums.read_errors -= from->read_errors;
	sums.write_errors -= from->write_errors;
	return sums;
}

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

/* Of the error counters a store tells of these: it does not say what it corrects. */
enum { BYTES_PROCESSED = 0x0005, UNCORRECTED_ERRORS = 0x0006 };

static void put_counters(uint16_t from, uint64_t bytes, uint64_t errors, struct cursor *out)
{
	if (put_head(out, BYTES_PROCESSED, from, BOUNDED_COUNTER, 8))
		cursor_put_u64(out, bytes);
	if (put_head(out, UNCORRECTED_ERRORS, from, BOUNDED_COUNTER, 8))
		cursor_put_u64(out, errors);
}

static void put_written(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	struct lu_sums sums = counted(lu, LOG_WRITE_ERRORS);

	put_counters(from, sums.written_bytes, sums.write_errors, out);
}

static void put_read(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	struct lu_sums sums = counted(lu, LOG_READ_ERRORS);

	put_counters(from, sums.read_bytes, sums.read_errors, out);
}

static void put_temperature(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	if (put_head(out, 0x0000, from, BINARY_LIST, 2))
		cursor_put_u16(out, NO_TEMPERATURE);
	if (put_head(out, 0x0001, from, BINARY_LIST, 2)) /* the highest allowed */
		cursor_put_u16(out, NO_TEMPERATURE);
}

/*
 * Commands and blocks. How long they took, and how long there were none, is not measured;
 * but the parameters are mandatory, and sg_logs shows none of the page without.
 */
static void put_statistics(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	struct lu_sums sum = counted(lu, LOG_STATISTICS);

	if (put_head(out, 0x0001, from, UNBOUNDED_COUNTER, 64)) {
		cursor_put_u64(out, sum.reads);
		cursor_put_u64(out, sum.writes);
		cursor_put_u64(out, sum.written_bytes >> lu->block_shift); /* blocks received */
		cursor_put_u64(out, sum.read_bytes >> lu->block_shift); /* blocks transmitted */
		cursor_put_zeros(out, 32);
	}
	if (put_head(out, 0x0002, from, UNBOUNDED_COUNTER, 8))
		cursor_put_u64(out, 0); /* idle time */
	if (put_head(out, 0x0003, from, BINARY_LIST, 8)) {
		cursor_put_u32(out, 3); /* an interval is of 10^-3 seconds */
		cursor_put_u32(out, 1);
	}
}

/* No date of manufacture is known, and with no motor there are no cycles. */
static void put_start_stop(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	if (put_head(out, 0x0004, from, BINARY_LIST, 4))
		cursor_put_u32(out, 0);
}

/* The last tests first; those that have not been are zeros. */
static void put_self_tests(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	for (unsigned i = 0; i < SELF_TESTS_KEPT; i++) {
		const struct self_test *test = &lu->self_test[i];

		if (!put_head(out, (uint16_t)(i + 1), from, BINARY_LIST, 16))
			continue;
		if (i >= lu->self_tests) {
			cursor_put_zeros(out, 16);
			continue;
		}
		cursor_put_u8(out,
			      (uint8_t)(test->code << 5 | (test->has_failed ? SEGMENT_FAILED : 0)));
		cursor_put_u8(out, 0);
		cursor_put_u16(out, 0); /* hours of power: not known */
		cursor_put_u64(out, test->lba);
		cursor_put_u8(out, test->key);
		cursor_put_u16(out, test->sense);
		cursor_put_u8(out, 0);
	}
}

/* Logical Block Provisioning: mapping resources, in threshold sets; SBC-4 section 6.4.5. */
static void put_resource(const struct scsi_lu *lu, uint16_t code, uint64_t bytes, uint16_t from,
			 struct cursor *out)
{
	uint64_t sets = bytes >> lu->block_shift >> provision_exponent(lu);

	if (!put_head(out, code, from, BINARY_LIST, 8))
		return;
	cursor_put_u32(out, (uint32_t)min(sets, (uint64_t)UINT32_MAX));
	cursor_put_zeros(out, 4); /* SCOPE: not reported */
}

static void put_provisioning(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	uint64_t used, available;

	/* Not before the store has answered for the first time. */
	if (!provision_get(lu, &used, &available))
		return;
	put_resource(lu, 0x0001, available, from, out);
	put_resource(lu, 0x0002, used, from, out);
}

static bool has_threshold(const struct scsi_lu *lu)
{
	return provision_threshold(lu) != 0;
}

/* None: ASC and ASCQ are zero. */
static void put_exceptions(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)lu;
	if (!put_head(out, 0x0000, from, BINARY_LIST, 4))
		return;
	cursor_put_u16(out, 0);
	cursor_put_u8(out, NO_TEMPERATURE);
	cursor_put_u8(out, NO_TEMPERATURE); /* vendor specific: to tools, the highest one allowed */
}

static void put_pages(const struct scsi_lu *lu, uint16_t from, struct cursor *out);
static void put_subpages(const struct scsi_lu *lu, uint16_t from, struct cursor *out);

/* In ascending order, as page 00h must have them. */
/* clang-format off */
static const struct log_page pages[] = {
	{ .code = 0x00, .put = put_pages },
	{ .code = 0x00, .subpage = ALL_SUBPAGES, .put = put_subpages },
	{ .code = 0x02, .last = UNCORRECTED_ERRORS, .put = put_written,
	  .counts = true, .base = LOG_WRITE_ERRORS },
	{ .code = 0x03, .last = UNCORRECTED_ERRORS, .put = put_read,
	  .counts = true, .base = LOG_READ_ERRORS },
	{ .code = 0x0c, .last = 0x0002, .put = put_provisioning, .is_known = has_threshold },
	{ .code = 0x0d, .last = 0x0001, .put = put_temperature },
	{ .code = 0x0e, .last = 0x0004, .put = put_start_stop },
	{ .code = SELF_TEST_RESULTS, .last = SELF_TESTS_KEPT, .put = put_self_tests },
	{ .code = 0x19, .last = 0x0003, .put = put_statistics,
	  .counts = true, .base = LOG_STATISTICS },
	{ .code = 0x2f, .put = put_exceptions },
};
/* clang-format on */

static bool has_page(const struct scsi_lu *lu, const struct log_page *page)
{
	return page->is_known == NULL || page->is_known(lu);
}

static void put_pages(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)from;
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].subpage == 0 && has_page(lu, &pages[i]))
			cursor_put_u8(out, pages[i].code);
	}
}

static void put_subpages(const struct scsi_lu *lu, uint16_t from, struct cursor *out)
{
	(void)from;
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!has_page(lu, &pages[i]))
			continue;
		cursor_put_u8(out, pages[i].code);
		cursor_put_u8(out, pages[i].subpage);
	}
}

static const struct log_page *find_page(const struct scsi_lu *lu, uint8_t code, uint8_t subpage)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].code == code && pages[i].subpage == subpage && has_page(lu, &pages[i]))
			return &pages[i];
	}
	return NULL;
}

/* The CDB names a page that is not there: where its code is good, the subpage is not. */
static int refuse_page(struct scsi_cmd *cmd)
{
	bool has_code = find_page(cmd->lu, cmd->cdb[2] & 0x3f, 0) != NULL;

	return sense_invalid_field(cmd, has_code ? 3 : 2, has_code ? 7 : 5);
}

int spc_log_sense(struct scsi_cmd *cmd, struct cursor *out)
{
	uint8_t code = cmd->cdb[2] & 0x3f;
	uint8_t subpage = cmd->cdb[3];
	uint16_t from = get_be16(cmd->cdb + 5);
	const struct log_page *page = find_page(cmd->lu, code, subpage);

	if (page == NULL) {
		refuse_page(cmd);
		return -1;
	}
	/* What does not count has only one kind of value. */
	if (page->counts && cmd->cdb[2] >> 6 != CUMULATIVE) {
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
	pthread_mutex_lock(&cmd->lu->control);
	page->put(cmd->lu, from, out);
	pthread_mutex_unlock(&cmd->lu->control);
	put_be16(out->begin + 2, (uint16_t)(cursor_offset(out) - 4));
	return SCSI_DONE;
}

/* ---- LOG SELECT ------------------------------------------------------------------- */

/* The counters of PAGE, NULL: of all pages, start again. Others are told. */
static void reset_counters(struct scsi_cmd *cmd, const struct log_page *page)
{
	struct scsi_lu *lu = cmd->lu;
	struct lu_sums now;

	pthread_mutex_lock(&lu->control);
	lu_sum(lu, &now);
	for (unsigned i = 0; i < LOG_COUNTERS; i++) {
		if (page == NULL || (page->counts && page->base == i))
			lu->log_base[i] = now;
	}
	if (page == NULL || page->code == SELF_TEST_RESULTS)
		lu->self_tests = 0;
	pthread_mutex_unlock(&lu->control);
	attention_raise_others(&lu->attentions, ATTENTION_LOG_CHANGED, cmd->nexus);
}

/* A list of parameters to be set: there are none that could be. */
int spc_log_select_list(struct scsi_cmd *cmd)
{
	const uint8_t *list = cmd->data.extent[0].data;

	if (cmd->data_out_length < 4 || cmd->data_out_length - 4 < get_be16(list + 2))
		return sense_parameter_list_length(cmd);
	if (find_page(cmd->lu, list[0] & 0x3f, list[0] & SPF ? list[1] : 0) == NULL)
		return sense_invalid_parameter(cmd, 0, 5);
	if (get_be16(list + 2) == 0)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	return sense_invalid_parameter(cmd, 4, 7);
}

int spc_log_select(struct scsi_cmd *cmd)
{
	uint8_t code = cmd->cdb[2] & 0x3f, subpage = cmd->cdb[3];
	bool is_all = code == 0 && subpage == 0;
	const struct log_page *page = find_page(cmd->lu, code, subpage);
	uint32_t length = get_be16(cmd->cdb + 7);

	if ((cmd->cdb[1] & PCR) && length != 0)
		return sense_invalid_field(cmd, 1, 1);
	if (length != 0 && !is_all)
		return sense_invalid_field(cmd, code != 0 ? 2 : 3, code != 0 ? 5 : 7);
	if (length != 0)
		return cmd_parameters(cmd, length);
	if (page == NULL)
		return refuse_page(cmd);
	if ((cmd->cdb[1] & PCR) || cmd->cdb[2] >> 6 == DEFAULT_CUMULATIVE)
		reset_counters(cmd, is_all ? NULL : page);
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}
