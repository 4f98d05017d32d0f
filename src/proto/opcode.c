/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the numbers in opcode.h, one table each. */
#include "proto/opcode.h"

#include <stddef.h>

#include "base/container.h"

struct name {
	uint16_t value;
	const char *name;
};

static const struct name opcodes[] = {
	{ ISCSI_OPCODE_NOP_OUT, "NOP-Out" },
	{ ISCSI_OPCODE_SCSI_COMMAND, "SCSI Command" },
	{ ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST, "Task Management Function Request" },
	{ ISCSI_OPCODE_LOGIN_REQUEST, "Login Request" },
	{ ISCSI_OPCODE_TEXT_REQUEST, "Text Request" },
	{ ISCSI_OPCODE_DATA_OUT, "SCSI Data-Out" },
	{ ISCSI_OPCODE_LOGOUT_REQUEST, "Logout Request" },
	{ ISCSI_OPCODE_SNACK_REQUEST, "SNACK Request" },
	{ ISCSI_OPCODE_VENDOR_INITIATOR_FIRST, "vendor-specific request" },
	{ ISCSI_OPCODE_VENDOR_INITIATOR_FIRST + 1, "vendor-specific request" },
	{ ISCSI_OPCODE_VENDOR_INITIATOR_LAST, "vendor-specific request" },
	{ ISCSI_OPCODE_NOP_IN, "NOP-In" },
	{ ISCSI_OPCODE_SCSI_RESPONSE, "SCSI Response" },
	{ ISCSI_OPCODE_TASK_MANAGEMENT_RESPONSE, "Task Management Function Response" },
	{ ISCSI_OPCODE_LOGIN_RESPONSE, "Login Response" },
	{ ISCSI_OPCODE_TEXT_RESPONSE, "Text Response" },
	{ ISCSI_OPCODE_DATA_IN, "SCSI Data-In" },
	{ ISCSI_OPCODE_LOGOUT_RESPONSE, "Logout Response" },
	{ ISCSI_OPCODE_R2T, "Ready To Transfer" },
	{ ISCSI_OPCODE_ASYNC_MESSAGE, "Asynchronous Message" },
	{ ISCSI_OPCODE_VENDOR_TARGET_FIRST, "vendor-specific response" },
	{ ISCSI_OPCODE_VENDOR_TARGET_FIRST + 1, "vendor-specific response" },
	{ ISCSI_OPCODE_VENDOR_TARGET_LAST, "vendor-specific response" },
	{ ISCSI_OPCODE_REJECT, "Reject" },
};

static const struct name tmfs[] = {
	{ ISCSI_TMF_ABORT_TASK, "ABORT TASK" },
	{ ISCSI_TMF_ABORT_TASK_SET, "ABORT TASK SET" },
	{ ISCSI_TMF_CLEAR_ACA, "CLEAR ACA" },
	{ ISCSI_TMF_CLEAR_TASK_SET, "CLEAR TASK SET" },
	{ ISCSI_TMF_LOGICAL_UNIT_RESET, "LOGICAL UNIT RESET" },
	{ ISCSI_TMF_TARGET_WARM_RESET, "TARGET WARM RESET" },
	{ ISCSI_TMF_TARGET_COLD_RESET, "TARGET COLD RESET" },
	{ ISCSI_TMF_TASK_REASSIGN, "TASK REASSIGN" },
	{ ISCSI_TMF_QUERY_TASK, "QUERY TASK" },
	{ ISCSI_TMF_QUERY_TASK_SET, "QUERY TASK SET" },
	{ ISCSI_TMF_I_T_NEXUS_RESET, "I_T NEXUS RESET" },
	{ ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT, "QUERY ASYNCHRONOUS EVENT" },
};

static const struct name tmf_responses[] = {
	{ ISCSI_TMF_RESPONSE_COMPLETE, "Function complete" },
	{ ISCSI_TMF_RESPONSE_NO_TASK, "Task does not exist" },
	{ ISCSI_TMF_RESPONSE_NO_LUN, "LUN does not exist" },
	{ ISCSI_TMF_RESPONSE_STILL_ALLEGIANT, "Task still allegiant" },
	{ ISCSI_TMF_RESPONSE_REASSIGN_NOT_SUPPORTED, "Task allegiance reassignment not supported" },
	{ ISCSI_TMF_RESPONSE_NOT_SUPPORTED, "Task management function not supported" },
	{ ISCSI_TMF_RESPONSE_AUTHORIZATION_FAILED, "Function authorization failed" },
	{ ISCSI_TMF_RESPONSE_SUCCEEDED, "Function succeeded" },
	{ ISCSI_TMF_RESPONSE_REJECTED, "Function rejected" },
};

static const struct name login_statuses[] = {
	{ ISCSI_LOGIN_SUCCESS, "Success" },
	{ ISCSI_LOGIN_TARGET_MOVED_TEMPORARILY, "Target moved temporarily" },
	{ ISCSI_LOGIN_TARGET_MOVED_PERMANENTLY, "Target moved permanently" },
	{ ISCSI_LOGIN_INITIATOR_ERROR, "Initiator error" },
	{ ISCSI_LOGIN_AUTHENTICATION_FAILURE, "Authentication failure" },
	{ ISCSI_LOGIN_AUTHORIZATION_FAILURE, "Authorization failure" },
	{ ISCSI_LOGIN_NOT_FOUND, "Not found" },
	{ ISCSI_LOGIN_TARGET_REMOVED, "Target removed" },
	{ ISCSI_LOGIN_UNSUPPORTED_VERSION, "Unsupported version" },
	{ ISCSI_LOGIN_TOO_MANY_CONNECTIONS, "Too many connections" },
	{ ISCSI_LOGIN_MISSING_PARAMETER, "Missing parameter" },
	{ ISCSI_LOGIN_CANNOT_INCLUDE_IN_SESSION, "Can't include in session" },
	{ ISCSI_LOGIN_SESSION_TYPE_NOT_SUPPORTED, "Session type not supported" },
	{ ISCSI_LOGIN_NO_SESSION, "Session does not exist" },
	{ ISCSI_LOGIN_INVALID_DURING_LOGIN, "Invalid request during login" },
	{ ISCSI_LOGIN_TARGET_ERROR, "Target error" },
	{ ISCSI_LOGIN_SERVICE_UNAVAILABLE, "Service unavailable" },
	{ ISCSI_LOGIN_OUT_OF_RESOURCES, "Out of resources" },
};

static const struct name logout_reasons[] = {
	{ ISCSI_LOGOUT_CLOSE_SESSION, "close the session" },
	{ ISCSI_LOGOUT_CLOSE_CONNECTION, "close the connection" },
	{ ISCSI_LOGOUT_REMOVE_FOR_RECOVERY, "remove the connection for recovery" },
};

static const struct name logout_responses[] = {
	{ ISCSI_LOGOUT_RESPONSE_CLOSED, "Connection or session closed successfully" },
	{ ISCSI_LOGOUT_RESPONSE_NO_CID, "CID not found" },
	{ ISCSI_LOGOUT_RESPONSE_RECOVERY_NOT_SUPPORTED, "Connection recovery is not supported" },
	{ ISCSI_LOGOUT_RESPONSE_CLEANUP_FAILED, "Cleanup failed" },
};

static const struct name snack_types[] = {
	{ ISCSI_SNACK_DATA_R2T, "Data/R2T SNACK" },
	{ ISCSI_SNACK_STATUS, "Status SNACK" },
	{ ISCSI_SNACK_DATA_ACK, "DataACK" },
	{ ISCSI_SNACK_R_DATA, "R-Data SNACK" },
};

static const struct name async_events[] = {
	{ ISCSI_ASYNC_SCSI, "SCSI asynchronous event" },
	{ ISCSI_ASYNC_LOGOUT_REQUESTED, "target requests Logout" },
	{ ISCSI_ASYNC_CONNECTION_DROPPED, "target will drop the connection" },
	{ ISCSI_ASYNC_SESSION_DROPPED, "target will drop all connections of the session" },
	{ ISCSI_ASYNC_NEGOTIATION_REQUESTED, "target requests parameter negotiation" },
	{ ISCSI_ASYNC_TASKS_TERMINATED, "all active tasks of the LU are terminated" },
	{ ISCSI_ASYNC_VENDOR, "vendor-specific event" },
};

static const struct name reject_reasons[] = {
	{ ISCSI_REJECT_DATA_DIGEST_ERROR, "Data (payload) digest error" },
	{ ISCSI_REJECT_SNACK, "SNACK Reject" },
	{ ISCSI_REJECT_PROTOCOL_ERROR, "Protocol Error" },
	{ ISCSI_REJECT_COMMAND_NOT_SUPPORTED, "Command not supported" },
	{ ISCSI_REJECT_IMMEDIATE_COMMAND, "Immediate command reject" },
	{ ISCSI_REJECT_TASK_IN_PROGRESS, "Task in progress" },
	{ ISCSI_REJECT_INVALID_DATA_ACK, "Invalid data ack" },
	{ ISCSI_REJECT_INVALID_PDU_FIELD, "Invalid PDU field" },
	{ ISCSI_REJECT_LONG_OPERATION, "Long op reject" },
	{ ISCSI_REJECT_NEGOTIATION_RESET, "Negotiation Reset" },
	{ ISCSI_REJECT_WAITING_FOR_LOGOUT, "Waiting for Logout" },
};

static const char *find(const struct name *table, size_t len, uint16_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (table[i].value == value)
			return table[i].name;
	}
	return "unknown";
}

const char *iscsi_opcode_name(uint8_t opcode)
{
	return find(opcodes, ARRAY_SIZE(opcodes), opcode & ISCSI_OPCODE_MASK);
}

const char *iscsi_tmf_name(uint8_t function)
{
	return find(tmfs, ARRAY_SIZE(tmfs), function);
}

const char *iscsi_tmf_response_name(uint8_t response)
{
	return find(tmf_responses, ARRAY_SIZE(tmf_responses), response);
}

const char *iscsi_login_status_name(uint16_t status)
{
	return find(login_statuses, ARRAY_SIZE(login_statuses), status);
}

const char *iscsi_logout_reason_name(uint8_t reason)
{
	return find(logout_reasons, ARRAY_SIZE(logout_reasons), reason);
}

const char *iscsi_logout_response_name(uint8_t response)
{
	return find(logout_responses, ARRAY_SIZE(logout_responses), response);
}

const char *iscsi_snack_type_name(uint8_t type)
{
	return find(snack_types, ARRAY_SIZE(snack_types), type);
}

const char *iscsi_async_event_name(uint8_t event)
{
	return find(async_events, ARRAY_SIZE(async_events), event);
}

const char *iscsi_reject_reason_name(uint8_t reason)
{
	return find(reject_reasons, ARRAY_SIZE(reject_reasons), reason);
}
