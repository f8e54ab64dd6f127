// An SMSC on node-smpp: accepts every message, says on standard output what it read, sends receipts and a
// message from a subscriber. One JSON object a line.
'use strict';
const smpp = require('smpp');

function say(line) { process.stdout.write(JSON.stringify(line) + '\n'); }

let count = 0;

function textOf(pdu) {
  const body = pdu.short_message && pdu.short_message.message !== undefined ? pdu.short_message.message : '';
  if (pdu.message_payload) {
    const payload = pdu.message_payload.message !== undefined ? pdu.message_payload.message : pdu.message_payload;
    return Buffer.isBuffer(payload) ? payload.toString('hex') : payload;
  }
  return Buffer.isBuffer(body) ? body.toString('hex') : body;
}

function udhOf(pdu) {
  const udh = pdu.short_message && pdu.short_message.udh;
  return udh ? udh.map((each) => Buffer.from(each).toString('hex')) : null;
}

const server = smpp.createServer((session) => {
  session.on('error', (error) => say({ event: 'error', text: String(error) }));
  session.on('pdu', (pdu) => {
    if (pdu.command.startsWith('bind_') && !pdu.isResponse()) {
      say({ event: 'bind', command: pdu.command, system_id: pdu.system_id, version: pdu.interface_version });
      if (pdu.password !== 'secret') {
        session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
        return;
      }
      session.send(pdu.response({ system_id: 'node-smpp' }));
    } else if (pdu.command === 'submit_sm') {
      const id = (++count).toString(16).padStart(8, '0');
      say({
        event: 'submit', id, source: pdu.source_addr, source_ton: pdu.source_addr_ton,
        source_npi: pdu.source_addr_npi, destination: pdu.destination_addr, dest_ton: pdu.dest_addr_ton,
        dest_npi: pdu.dest_addr_npi, text: textOf(pdu), udh: udhOf(pdu), data_coding: pdu.data_coding,
        validity: String(pdu.validity_period), registered: pdu.registered_delivery,
        sar: pdu.sar_total_segments ? [pdu.sar_msg_ref_num, pdu.sar_segment_seqnum, pdu.sar_total_segments] : null,
        reference: pdu.user_message_reference,
      });
      session.send(pdu.response({ message_id: id }));
      session.deliver_sm({
        esm_class: smpp.ESM_CLASS ? smpp.ESM_CLASS.MC_DELIVERY_RECEIPT : 4,
        source_addr: pdu.destination_addr, source_addr_ton: 1, source_addr_npi: 1,
        destination_addr: pdu.source_addr,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2611231000 done date:2611231000 stat:DELIVRD err:000 text:`,
        receipted_message_id: id, message_state: 2,
      }, (answer) => say({ event: 'acknowledged', id, status: answer.command_status }));
    } else if (pdu.command === 'enquire_link') {
      session.send(pdu.response());
    } else if (pdu.command === 'unbind') {
      say({ event: 'unbind' });
      session.send(pdu.response());
      session.close();
    }
  });
  process.stdin.on('data', (line) => {
    const [from, to, text] = JSON.parse(line);
    session.deliver_sm(
      { source_addr: from, source_addr_ton: 1, source_addr_npi: 1, destination_addr: to, short_message: text },
      (answer) => say({ event: 'mo', status: answer.command_status }),
    );
  });
});

server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
process.stdin.on('end', () => process.exit(0));
