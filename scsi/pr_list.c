/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter lists of PERSISTENT RESERVE OUT (SPC-5 section 6.17), with their TransportIDs:
 * bytes become a request. Nothing is done here.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "scsi/pr_out.h"
#include "scsi/sense.h"
#include "scsi/transport_id.h"

enum {
	SPEC_I_PT = 0x08,
	ALL_TG_PT = 0x04,
	APTPL = 0x01,
	UNREG = 0x02,
	TRANSPORT_ID_MIN = 24,
};

enum pr_verdict pr_bad_list(struct pr_request *request, unsigned byte, unsigned bit)
{
	request->byte = (uint16_t)byte;
	request->bit = (uint8_t)bit;
	return PR_BAD_LIST;
}

/* LENGTH bytes of TransportIDs from AT on. */
static enum pr_verdict parse_ids(struct pr_request *request, const uint8_t *list, uint32_t at,
				 uint32_t length)
{
	struct cursor in = cursor_reader(list + at, length);

	request->ids = calloc(length / TRANSPORT_ID_MIN + 1, sizeof(*request->ids));
	if (request->ids == NULL)
		return PR_NO_RESOURCES;
	while (cursor_remaining(&in) != 0) {
		struct pr_initiator *id = &request->ids[request->id_count];
		size_t begin = at + cursor_offset(&in);

		if (!transport_id_get(&in, id->name, &id->is_device))
			return pr_bad_list(request, (unsigned)begin, SENSE_NO_BIT);
		request->id_count++;
	}
	return PR_GOOD;
}

static enum pr_verdict parse_move(struct pr_request *request, const uint8_t *list, uint32_t length)
{
	uint32_t ids = get_be32(list + 20);
	enum pr_verdict verdict;

	request->unregister = list[PR_MOVE_FLAGS_AT] & UNREG;
	request->aptpl = list[PR_MOVE_FLAGS_AT] & APTPL;
	request->port = get_be16(list + PR_MOVE_PORT_AT);
	if (ids != length - PR_MOVE_IDS_AT)
		return PR_BAD_LENGTH;
	verdict = parse_ids(request, list, PR_MOVE_IDS_AT, ids);
	if (verdict != PR_GOOD)
		return verdict;
	/* One port, by its whole name. */
	if (request->id_count != 1 || request->ids[0].is_device)
		return pr_bad_list(request, PR_MOVE_IDS_AT, SENSE_NO_BIT);
	return PR_GOOD;
}

static enum pr_verdict parse_register(struct pr_request *request, const uint8_t *list,
				      uint32_t length)
{
	uint8_t flags = list[PR_FLAGS_AT];

	request->spec_i_pt = flags & SPEC_I_PT;
	request->all_tg_pt = flags & ALL_TG_PT;
	request->aptpl = flags & APTPL;
	if (!request->spec_i_pt)
		return length == PR_LIST_LENGTH ? PR_GOOD : PR_BAD_LENGTH;
	if (request->action == PR_REGISTER_AND_IGNORE)
		return pr_bad_list(request, PR_FLAGS_AT, 3);
	if (length < PR_IDS_AT || get_be32(list + PR_LIST_LENGTH) != length - PR_IDS_AT)
		return PR_BAD_LENGTH;
	return parse_ids(request, list, PR_IDS_AT, length - PR_IDS_AT);
}

enum pr_verdict pr_parse_list(struct pr_request *request, const uint8_t *list, uint32_t length)
{
	request->key = get_be64(list);
	request->action_key = get_be64(list + PR_ACTION_KEY_AT);
	request->aptpl = request->action == PR_REPLACE_LOST && (list[PR_FLAGS_AT] & APTPL);
	if (request->action == PR_REGISTER_AND_MOVE)
		return parse_move(request, list, length);
	if (request->action == PR_REGISTER || request->action == PR_REGISTER_AND_IGNORE)
		return parse_register(request, list, length);
	return length == PR_LIST_LENGTH ? PR_GOOD : PR_BAD_LENGTH;
}
