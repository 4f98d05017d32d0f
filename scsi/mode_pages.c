/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of mode pages, their values over resets and restarts, and what
 * follows from them: SPC-5 section 7.5, SBC-4 section 6.5. The commands are in
 * mode.c and mode_select.c.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/protect_tags.h"
#include "scsi/provision.h"

enum {
	PAGE_CACHING = 0x08,
	PAGE_CONTROL = 0x0a,
	SUBPAGE_TAGS = 0x02,
	/* body[0] of the caching page */
	WCE = 0x04,
	/* body[0] and on of the control page */
	D_SENSE = 0x04,
	QERR = 0x06,
	QERR_RESERVED = 0x04,
	UA_INTLCK_CTRL = 0x30,
	UA_INTLCK_RESERVED = 0x10,
	UA_INTLCK_STATUS = 0x30,
	SWP = 0x08,
	TAS = 0x40,
	ATO = 0x80,
	ATMPE = 0x20,
	HINTS_HEADER = 12,
	HINTS_GROUPS = 64,
	HINTS_DESCRIPTOR = 16,
	BLOB_VERSION = 1,
};

/* Where nothing volatile lies between, there is no write cache to be had. */
static void patch_caching(const struct scsi_lu *lu, uint8_t *body, uint8_t *changeable)
{
	if (!lu->store->traits.volatile_cache)
		return;
	body[0] |= WCE;
	changeable[0] |= WCE;
}

static bool has_protection(const struct scsi_lu *lu)
{
	return lu->protection != 0;
}

static void patch_tags(const struct scsi_lu *lu, uint8_t *body, uint8_t *changeable)
{
	(void)body;
	if (has_protection(lu))
		protect_tags_changeable(changeable);
}

static bool has_threshold(const struct scsi_lu *lu)
{
	return provision_threshold(lu) != 0;
}

/* THRESHOLD COUNT, in threshold sets. */
static void patch_threshold(const struct scsi_lu *lu, uint8_t *body, uint8_t *changeable)
{
	uint64_t sets = provision_threshold(lu) >> lu->block_shift >> provision_exponent(lu);

	(void)changeable;
	put_be32(body + 16, (uint32_t)min(sets, (uint64_t)UINT32_MAX));
}

/* Who has protection information may say who owns the application tags. */
static void patch_control(const struct scsi_lu *lu, uint8_t *body, uint8_t *changeable)
{
	(void)body;
	if (lu->protection != 0)
		changeable[3] |= ATO | ATMPE;
}

static int check_control(const struct scsi_lu *lu, const uint8_t *body, uint8_t *bit)
{
	(void)lu;
	if ((body[1] & QERR) == QERR_RESERVED) {
		*bit = 2;
		return 1;
	}
	if ((body[2] & UA_INTLCK_CTRL) == UA_INTLCK_RESERVED) {
		*bit = 5;
		return 2;
	}
	return -1;
}

/* In the order of MODE SENSE, which is the ascending one. */
const struct mode_page mode_pages[] = {
	/* Read-Write Error Recovery: AWRE, ARRE; retries are the store's business. */
	{ .code = 0x01, .length = 10, .body = { 0xc0 } },
	/* Disconnect-Reconnect: zeros, the limits of bursts are the session's. */
	{ .code = 0x02, .length = 14 },
	/* Verify Error Recovery: the same. */
	{ .code = 0x07, .length = 10 },
	{ .code = PAGE_CACHING, .length = 18, .patch = patch_caching },
	/*
	 * Control: TST 001b (a task set for each I_T nexus), GLTSD; unrestricted
	 * reordering; BUSY TIMEOUT PERIOD unlimited.
	 */
	{ .code = PAGE_CONTROL,
	  .length = 10,
	  .body = { 0x22, 0x10, 0, 0, 0, 0, 0xff, 0xff },
	  .changeable = { D_SENSE, QERR, UA_INTLCK_CTRL | SWP, TAS },
	  .patch = patch_control,
	  .check = check_control },
	/*
	 * Control Extension: TCMOS (the timestamp may be set by other means), SCSIP (but what
	 * SET TIMESTAMP says holds); MAXIMUM SENSE DATA LENGTH.
	 */
	{ .code = PAGE_CONTROL,
	  .subpage = 0x01,
	  .length = 28,
	  .body = { 0x06, 0, SCSI_SENSE_MAX } },
	/* Application Tag: nothing is known. */
	{ .code = PAGE_CONTROL,
	  .subpage = SUBPAGE_TAGS,
	  .length = PROTECT_TAGS_BYTES,
	  .is_known = has_protection,
	  .patch = patch_tags,
	  .check = protect_tags_check },
	/* IO Advice Hints Grouping: no group number is a hint (IO ADVICE HINTS MODE 01b). */
	{ .code = PAGE_CONTROL,
	  .subpage = 0x05,
	  .length = HINTS_HEADER + HINTS_GROUPS * HINTS_DESCRIPTOR,
	  .unit = HINTS_DESCRIPTOR,
	  .body = { [HINTS_HEADER] = 0x40 } },
	/* XOR Control, obsolete: XORDIS, there are no such commands. */
	{ .code = 0x10, .length = 22, .body = { 0x02 } },
	/* Power Condition: no timers run. */
	{ .code = 0x1a, .length = 38 },
	/* Informational Exceptions Control: DEXCPT. */
	{ .code = 0x1c, .length = 10, .body = { 0x08 } },
	/*
	 * Logical Block Provisioning: one threshold, enabled, soft, of the available LBA mapping
	 * resources as they become less.
	 */
	{ .code = 0x1c,
	  .subpage = 0x02,
	  .length = 20,
	  .body = { 0, [12] = 0x80, 0x01 },
	  .is_known = has_threshold,
	  .patch = patch_threshold },
};

const unsigned mode_page_count = ARRAY_SIZE(mode_pages);

_Static_assert(ARRAY_SIZE(mode_pages) <= MODE_PAGES_MAX, "struct mode_values has room");
_Static_assert((int)PROTECT_TAGS_BYTES <= (int)MODE_BODY_MAX, "and each page");

bool mode_page_is_known(const struct scsi_lu *lu, unsigned index)
{
	return mode_pages[index].is_known == NULL || mode_pages[index].is_known(lu);
}

void mode_page_get(const struct scsi_lu *lu, unsigned index, uint8_t body[MODE_BODY_MAX],
		   uint8_t changeable[MODE_BODY_MAX])
{
	const struct mode_page *page = &mode_pages[index];

	memcpy(body, page->body, MODE_BODY_MAX);
	memcpy(changeable, page->changeable, MODE_BODY_MAX);
	if (page->patch != NULL)
		page->patch(lu, body, changeable);
}

/* ---- what follows from the values ------------------------------------------------ */

static const uint8_t *values_of(const struct mode_values *values, uint8_t code, uint8_t subpage)
{
	unsigned i = 0;

	while (mode_pages[i].code != code || mode_pages[i].subpage != subpage)
		i++;
	return values->body[i];
}

void mode_apply(struct scsi_lu *lu)
{
	const uint8_t *caching = values_of(&lu->mode.current, PAGE_CACHING, 0);
	const uint8_t *control = values_of(&lu->mode.current, PAGE_CONTROL, 0);
	uint32_t bits = (uint32_t)(control[1] & QERR) << 3;

	if (lu->store->traits.volatile_cache && !(caching[0] & WCE))
		bits |= MODE_WRITE_THROUGH;
	if (control[0] & D_SENSE)
		bits |= MODE_DESCRIPTOR_SENSE;
	if (control[2] & SWP)
		bits |= MODE_WRITE_PROTECT;
	if (control[2] & UA_INTLCK_CTRL)
		bits |= MODE_KEEP_ATTENTION;
	if ((control[2] & UA_INTLCK_CTRL) == UA_INTLCK_STATUS)
		bits |= MODE_STATUS_ATTENTION;
	if (control[3] & TAS)
		bits |= MODE_ABORTED_STATUS;
	if (control[3] & ATO)
		bits |= MODE_ATO;
	if (control[3] & ATMPE)
		bits |= MODE_ATMPE;
	if (has_protection(lu))
		protect_tags_apply(lu, bits,
				   values_of(&lu->mode.current, PAGE_CONTROL, SUBPAGE_TAGS));
	atomic_store_explicit(&lu->mode_bits, bits, memory_order_release);
}

/* ---- over restarts ------------------------------------------------------------------ */

size_t mode_encode(const struct mode_values *values, uint8_t blob[MODE_BLOB_MAX])
{
	struct cursor out = cursor_writer(blob, MODE_BLOB_MAX);

	cursor_put_u8(&out, BLOB_VERSION);
	for (unsigned i = 0; i < mode_page_count; i++) {
		/* In such a one nothing can be changed. */
		if (mode_pages[i].unit != 0)
			continue;
		cursor_put_u8(&out, mode_pages[i].code);
		cursor_put_u8(&out, mode_pages[i].subpage);
		cursor_put_u8(&out, (uint8_t)mode_pages[i].length);
		cursor_put_bytes(&out, values->body[i], mode_pages[i].length);
	}
	assert(!cursor_failed(&out));
	return cursor_offset(&out);
}

/* Takes of a saved body what can be changed, now and in this version. */
static void restore_page(const struct scsi_lu *lu, unsigned index, const uint8_t *from,
			 uint8_t *into)
{
	const struct mode_page *page = &mode_pages[index];
	uint8_t body[MODE_BODY_MAX], changeable[MODE_BODY_MAX], bit;

	mode_page_get(lu, index, body, changeable);
	for (unsigned i = 0; page->unit == 0 && i < page->length; i++)
		body[i] = (uint8_t)((body[i] & ~changeable[i]) | (from[i] & changeable[i]));
	if (page->check == NULL || page->check(NULL, body, &bit) < 0)
		memcpy(into, body, MODE_BODY_MAX);
}

static void restore(const struct scsi_lu *lu, const uint8_t *blob, size_t length,
		    struct mode_values *values)
{
	size_t at = 1;

	if (length == 0 || blob[0] != BLOB_VERSION)
		return;
	while (length - at >= 3 && length - at - 3 >= blob[at + 2]) {
		for (unsigned i = 0; i < mode_page_count; i++) {
			if (mode_pages[i].code == blob[at] &&
			    mode_pages[i].subpage == blob[at + 1] &&
			    mode_pages[i].length == blob[at + 2])
				restore_page(lu, i, blob + at + 3, values->body[i]);
		}
		at += 3 + blob[at + 2];
	}
}

void mode_init(struct scsi_lu *lu)
{
	uint8_t blob[MODE_BLOB_MAX], changeable[MODE_BODY_MAX];
	ssize_t length = lu_load(lu, "mode", blob, sizeof(blob));

	for (unsigned i = 0; i < mode_page_count; i++)
		mode_page_get(lu, i, lu->mode.saved.body[i], changeable);
	if (length > 0)
		restore(lu, blob, (size_t)length, &lu->mode.saved);
	lu->mode.current = lu->mode.saved;
	mode_apply(lu);
}

void mode_reset(struct scsi_lu *lu)
{
	pthread_mutex_lock(&lu->control);
	lu->mode.current = lu->mode.saved;
	mode_apply(lu);
	pthread_mutex_unlock(&lu->control);
}
