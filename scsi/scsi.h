/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door to the SCSI device server.
 *
 * Above it stands a target port (iSCSI); the words between them are SAM-5's
 * transport protocol services (section 5.4): SCSI Command Received, Receive
 * Data-Out, Send Data-In and Send Command Complete, and Task Management Request.
 * Nothing here knows sequence numbers, sockets or names of keys.
 *
 * A command belongs to its nexus's reactor and every call about it is made on
 * that thread. Upcalls may come before the call that caused them returns.
 */
#ifndef PINION_SCSI_SCSI_H
#define PINION_SCSI_SCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/list.h"
#include "sys/arena.h"
#include "sys/reactor.h"
#include "scsi/keeper.h"
#include "store/store.h"

#define SCSI_CDB_MAX 32
#define SCSI_SENSE_MAX 96
#define SCSI_LUNS_MAX 256	/* of one target */
#define SCSI_PORTS_MAX 15	/* of one target: what pages about all of them have room for */
#define SCSI_PORT_NAME_MAX 235	/* characters */

struct scsi_lu;		/* a logical unit: a store with an identity */
struct scsi_target;	/* a SCSI target device: logical units by LUN */
struct scsi_nexus;	/* I_T nexus: one initiator port at one target port */
struct scsi_cmd;
struct sweep_leg;
struct nexus_lu;
struct scsi_copy_domain;	/* what logical units have in common for third-party copies */

enum scsi_task_attribute {	/* as in the iSCSI ATTR field */
	SCSI_UNTAGGED = 0,
	SCSI_SIMPLE = 1,
	SCSI_ORDERED = 2,
	SCSI_HEAD_OF_QUEUE = 3,
	SCSI_ACA = 4,
};

/* What the device server asks of the port. */
struct scsi_port_ops {
	/*
	 * Receive Data-Out: fetch cmd->data_out_length bytes into cmd->data
	 * from its first byte on (what came unsolicited counts), then call
	 * scsi_data_out_received. cmd->data holds them all now.
	 */
	void (*receive_data_out)(struct scsi_cmd *cmd);
	/*
	 * Send Data-In and Send Command Complete in one: status, sense, and
	 * the first cmd->data_in_length bytes of cmd->data. Comes exactly once.
	 * CMD is the port's again; it calls scsi_cmd_release when the data
	 * has left. With cmd->aborted set nothing is to be sent.
	 */
	void (*complete)(struct scsi_cmd *cmd);
	/*
	 * Terminate Data Transfer (SAM-5 section 5.4.3): CMD, which is between
	 * receive_data_out and scsi_data_out_received, has been aborted. The port calls
	 * the latter, with any error, as soon as nothing writes to cmd->data any more.
	 */
	void (*terminate_data_transfer)(struct scsi_cmd *cmd);
};

/*
 * The blocks that a command touches now, or has or wants to itself (range.h).
 * Of the device server.
 */
struct scsi_range {
	struct list_node link;
	uint64_t first, end;		/* blocks */
	/* for those who lock */
	struct message ask;		/* to the home core, and back with the answer */
	struct message cancel;		/* likewise */
	struct range_slot *slot;	/* NULL: not got */
	uint8_t state;			/* of the home core */
	uint8_t away;			/* messages that have not come back */
};

struct scsi_cmd {
	/* --- filled by the port before scsi_command_received --- */
	struct scsi_nexus *nexus;
	const struct scsi_port_ops *port;
	uint64_t lun;			/* the LUN field as get_be64 reads it: LUN 1 is 0x0001000000000000 */
	uint8_t cdb[SCSI_CDB_MAX];
	uint8_t cdb_length;		/* bytes that came: 16, or more with an AHS */
	uint8_t attribute;		/* enum scsi_task_attribute */
	bool reads;			/* the initiator expects data in */
	bool writes;			/* and / or sends data out */
	/*
	 * The medium's own memory may not be shown to the wire: data is
	 * covered by a digest that is computed apart from the transfer, so it
	 * must not change meanwhile nor land before it has been checked.
	 */
	bool private_data;
	uint32_t data_out_available;	/* bytes the initiator has for us */
	uint32_t data_in_wanted;	/* bytes it can take */
	uint32_t unsolicited;		/* bytes of data-out that come without being asked for */

	/* --- the device server's answer --- */
	uint8_t status;			/* SAM-5 status code */
	bool aborted;
	uint8_t sense[SCSI_SENSE_MAX];
	uint8_t sense_length;
	struct extents data;
	uint32_t data_out_length;	/* bytes to fetch: at most data_out_available */
	uint32_t data_in_length;	/* bytes to send: at most data_in_wanted */
	uint32_t transfer_length;	/* bytes that the CDB asked to move either way: residuals come from it */

	/* --- of the device server --- */
	struct scsi_lu *lu;
	const struct scsi_op *op;	/* row of the command table */
	uint8_t phase;
	uint8_t flags;
	bool needs_flush;		/* MODE SELECT: before it is done */
	int kept;			/* 0 or the negative errno of the last cmd_keep */
	uint8_t fate;			/* how it ends when it is aborted; taskset.h */
	bool is_special;		/* order.h: by its attribute */
	struct sweep_leg *leg;		/* that waits for its end */
	struct nexus_lu *set;		/* its task set; NULL: in none, it addresses no LUN of ours */
	uint64_t lba;
	uint64_t blocks;
	uint32_t steps;			/* for those that count them */
	uint64_t started_ns;
	int (*resume)(struct scsi_cmd *cmd);	/* the next step, once what it waits for has come */
	struct arena_waiter waiter;
	struct deferred turn;		/* long work goes on in the next turn of the loop */
	struct extents scratch;		/* a second buffer, for commands that compare or repeat */
	struct store_io io;
	struct scsi_range range;
	struct list_node link;		/* in the nexus's task set of this LU */
};

/* --- building what is served; control path, on the daemon's thread --- */

struct scsi_lu_config {
	struct store *store;		/* the LU owns it afterwards */
	uint32_t block_size;		/* logical, bytes: 512 or 4096 */
	uint32_t physical_block_size;	/* 0: the store's */
	bool read_only;
	bool removable;
	bool thin;			/* advertise logical block provisioning */
	uint64_t thin_threshold;	/* bytes left at which initiators are warned, 0: never */
	uint32_t lowest_aligned;	/* the first LBA at which a physical block begins */
	uint16_t rotation_rate;		/* VPD B1: 0 what the store knows, 1 solid state, else rpm */
	const char *vendor;		/* up to 8 ASCII characters, NULL: "PINION" */
	const char *product;		/* up to 16, NULL: "DISK" */
	const char *revision;		/* up to 4, NULL: the package's version */
	const char *serial;		/* up to 36, NULL: made from the identity */
	uint8_t naa[16];		/* NAA identifier, zeros: made */
	uint8_t naa_length;		/* 8 or 16; 0: made from store identity or SEED */
	const char *management_address;	/* up to 251 ASCII characters, VPD 85: a URL, NULL: none */
	const char *seed;		/* names this LU for ever: target name and LUN; used when the store has no identity */
	uint32_t maximum_transfer;	/* bytes, 0: default */
	uint32_t command_timeout;	/* seconds after which a command is cancelled, 0: never */
	struct scsi_copy_domain *copy_domain; /* NULL: one of its own */
	struct keeper *keeper;		/* of state that survives a restart, NULL: none; outlives the LU */
};

/*
 * One for all logical units of a daemon: ROD tokens (ODX) made at one of them are good at the
 * others, whatever their targets. 0 or -ENOMEM. Its logical units are destroyed before it.
 */
int scsi_copy_domain_create(struct scsi_copy_domain **out);
void scsi_copy_domain_destroy(struct scsi_copy_domain *domain);

/* 0, or a negative errno with a line for the administrator in ERROR. */
int scsi_lu_create(const struct scsi_lu_config *config, struct scsi_lu **out, char *error,
		   size_t error_size);
/* No nexus may use it any more. Closes the store; may block. */
void scsi_lu_destroy(struct scsi_lu *lu);

int scsi_target_create(const char *name, struct scsi_target **out);
/* -EEXIST, -ERANGE. LUN 0 to SCSI_LUNS_MAX - 1. Before the target is in use. The LU is the target's afterwards. */
int scsi_target_add(struct scsi_target *target, unsigned lun, struct scsi_lu *lu);
/*
 * Ends what goes on in the background of the target's logical units: waits for what is short and
 * has long jobs fail. Blocks the calling thread; no nexus is left, and the reactors run or never did.
 */
void scsi_target_settle(struct scsi_target *target);
/* Whether TARGET has a port of the group (relative identifier) GROUP. */
bool scsi_target_has_group(const struct scsi_target *target, uint16_t group);

/* How initiators are told of different access by different ports: SPC-5 section 5.17. */
enum scsi_alua {
	SCSI_ALUA_OFF, /* all ports are alike */
	SCSI_ALUA_IMPLICIT, /* states change by scsi_target_change_group */
	SCSI_ALUA_EXPLICIT, /* by SET TARGET PORT GROUPS; these survive a restart */
	SCSI_ALUA_BOTH,
};

enum scsi_access_state {
	SCSI_ACCESS_OPTIMIZED,
	SCSI_ACCESS_NON_OPTIMIZED,
	SCSI_ACCESS_STANDBY,
	SCSI_ACCESS_UNAVAILABLE,
	SCSI_ACCESS_TRANSITIONING,
};

struct scsi_group_config {
	uint16_t group;
	enum scsi_access_state state;
	bool preferred;
};

/*
 * Sets what TARGET's logical units say of its port groups, at first; those not in GROUPS are
 * optimized. After its ports and logical units have been added, before it is in use. -ENOENT
 * where there is no such group.
 */
int scsi_target_set_alua(struct scsi_target *target, enum scsi_alua kind,
			 const struct scsi_group_config *groups, unsigned count);
/*
 * Changes the state of GROUP for all of TARGET's logical units; their initiators are told. From
 * any thread. -ENOENT where there is no such group, -EOPNOTSUPP where ALUA is not implicit.
 */
int scsi_target_change_group(struct scsi_target *target, uint16_t group,
			     enum scsi_access_state state);

/*
 * Names a target port: its relative identifier (target_port_group of the nexuses there) and its
 * SCSI name. Harmless when it is there already by that name, else -EEXIST; -ENOSPC beyond
 * SCSI_PORTS_MAX, -EINVAL, -ENOMEM. Before the target is in use.
 */
int scsi_target_add_port(struct scsi_target *target, uint16_t relative, const char *name);
void scsi_target_destroy(struct scsi_target *target);

/* For status reports, from any thread. */
struct scsi_lu_info {
	unsigned lun;
	const char *store;		/* its kind */
	char detail[160];		/* what the store says of itself */
	uint64_t size;			/* bytes */
	uint32_t block_size;
	bool read_only;
	char serial[40];
	char naa[36];			/* hexadecimal */
	uint64_t reads, writes, read_bytes, written_bytes, errors;
};
void scsi_target_visit(const struct scsi_target *target,
		       void (*visit)(void *context, const struct scsi_lu_info *info), void *context);
/*
 * Looks whether the stores of TARGET have grown; if so, the new capacity counts at once and every
 * nexus is told. The thread that built it; may block.
 */
void scsi_target_measure(struct scsi_target *target);
const char *scsi_target_name(const struct scsi_target *target);

/* --- a nexus; on its reactor --- */

/* What one initiator sees of a target. */
struct scsi_lun_view {
	bool read_only;			/* refuse writes to all of it */
	bool is_mapped;			/* only the LUNs below are there; else all, as the target has them */
	unsigned count;
	struct scsi_lun_mapping {
		uint16_t as;		/* the LUN that the initiator uses, each once ... */
		uint16_t lun;		/* ... for this one of the target, once too; nothing where that has none */
		bool read_only;
	} luns[SCSI_LUNS_MAX];
};

struct scsi_nexus_config {
	struct scsi_target *target;
	const struct scsi_lun_view *view;	/* NULL: all, as the target has them; not kept */
	struct reactor *reactor;
	const char *initiator_port;	/* iSCSI: name + ",i,0x" + ISID */
	const char *target_port;	/* iSCSI: name + ",t,0x" + portal group tag */
	uint16_t target_port_group;	/* also the relative target port identifier */
	/* The port has QUERY TASK, QUERY TASK SET, QUERY ASYNCHRONOUS EVENT and I_T NEXUS RESET. */
	bool has_sam_functions;
	/*
	 * Another nexus has aborted commands at LUN without a response (they end soon); for the
	 * port's own notice, on its reactor. Optional.
	 */
	void (*tasks_terminated)(void *context, uint64_t lun);
	/*
	 * A unit attention condition has been established at LUN that no command of this nexus has
	 * caused: LENGTH bytes of sense data for asynchronous event reporting, on its reactor.
	 * The condition stays pending. Optional: NULL where nobody is to be told.
	 */
	void (*event)(void *context, uint64_t lun, const uint8_t *sense, uint8_t length);
	void *context;
};

int scsi_nexus_create(const struct scsi_nexus_config *config, struct scsi_nexus **out);
/*
 * I_T nexus loss, though commands of NEXUS, all of them aborted, have not ended. It is
 * to be destroyed when they have; until then their initiator port may have another
 * nexus, to which logical units that still write for this one are BUSY.
 */
void scsi_nexus_lost(struct scsi_nexus *nexus);
/* I_T nexus loss. All its commands have completed and been released. */
void scsi_nexus_destroy(struct scsi_nexus *nexus);

/* --- commands --- */

/*
 * SCSI Command Received. Called when the header has come, before the data:
 * what can be refused is refused here and now. If the command takes data out,
 * then when this returns either complete has been called or cmd->data has
 * room for the first cmd->unsolicited bytes (limited to data_out_length;
 * anything beyond is to be dropped), taken from the arena's reserve if need
 * be. receive_data_out comes now or later.
 */
void scsi_command_received(struct scsi_cmd *cmd);

/* The data asked for by receive_data_out is in cmd->data, or (ERR < 0) will never come. */
void scsi_data_out_received(struct scsi_cmd *cmd, int err);

/*
 * Aborts CMD: it completes with aborted set, soon but not necessarily
 * inline; what a store has begun is waited for. If the port is between
 * receive_data_out and scsi_data_out_received, complete comes after the latter.
 */
void scsi_cmd_abort(struct scsi_cmd *cmd);

/* Whether it is data in that transfer_length tells of, else data out; after complete. */
bool scsi_cmd_is_data_in(const struct scsi_cmd *cmd);

/* Gives the command's memory back; after complete. */
void scsi_cmd_release(struct scsi_cmd *cmd);

/*
 * The port itself ends CMD with CHECK CONDITION (say, a digest error or a
 * protocol violation in its data-out) when it calls scsi_data_out_received with ERR:
 * -EBADMSG: protocol service CRC error (0Bh/47h/05h); -EPROTO: unexpected
 * unsolicited data / incorrect amount of data (0Bh/0Ch/0Dh); anything else: 0Bh/4Bh/00h.
 */

/* --- task management; scsi/management.c --- */

/*
 * What concerns more than the commands of one nexus. Those of its own nexus are the
 * port's to abort: it knows their names and has some that have not yet been received
 * here. ABORT TASK, ABORT TASK SET and CLEAR TASK SET (which, a task set being one
 * nexus's, is the same) are thus the port's alone.
 */
enum scsi_tmf {
	SCSI_TMF_LOGICAL_UNIT_RESET,
	SCSI_TMF_TARGET_RESET,		/* of every logical unit of the target that the nexus sees */
	SCSI_TMF_I_T_NEXUS_RESET,
	SCSI_TMF_CLEAR_ACA,
	SCSI_TMF_QUERY_ASYNCHRONOUS_EVENT,
};

enum scsi_tmf_response {
	SCSI_TMF_FUNCTION_COMPLETE,
	SCSI_TMF_FUNCTION_SUCCEEDED,	/* of a query: yes */
	SCSI_TMF_FUNCTION_REJECTED,
	SCSI_TMF_INCORRECT_LUN,
};

/* Embedded by its owner, which keeps it and the nexus until done. */
struct scsi_tmf_request {
	struct scsi_nexus *nexus;
	enum scsi_tmf function;
	uint64_t lun;			/* the LUN field */
	void (*done)(struct scsi_tmf_request *request);
	/* the answer */
	enum scsi_tmf_response response;
	uint8_t additional[3];		/* Additional Response Information */
	/* of the device server */
	unsigned remaining;
	struct lu_reset *resets;
};

/*
 * Task Management Request Received. DONE follows once, from the reactor's loop or
 * from here, when all that the function has to do is done: a reset waits until the
 * commands of all other nexuses have ended, on whatever reactor they are.
 */
void scsi_task_management(struct scsi_tmf_request *request);

/* Whether LUN is there. */
bool scsi_nexus_has_lun(const struct scsi_nexus *nexus, uint64_t lun);

#endif
