// node-smpp as a client with a window of 50: node _smpp_node.js MODULE PORT COUNT TEXT
'use strict';
const [module_, port, count, text] = process.argv.slice(2);
const smpp = require(module_);
const WINDOW = 50;
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => {
  session.bind_transceiver({ system_id: 'mai', password: 'secret' }, () => {
    const cpu = process.cpuUsage();
    const began = process.hrtime.bigint();
    let sent = 0;
    let got = 0;
    const fill = () => {
      while (sent < count && sent - got < WINDOW) {
        session.submit_sm({
          source_addr: '8989', source_addr_ton: 3, dest_addr_ton: 1, dest_addr_npi: 1,
          destination_addr: `84${900000000 + sent}`, short_message: text, registered_delivery: 1,
        }, () => {
          got += 1;
          if (got === Number(count)) {
            const seconds = Number(process.hrtime.bigint() - began) / 1e9;
            const used = process.cpuUsage(cpu);
            console.log(JSON.stringify({ seconds, cpu_us: (used.user + used.system) / Number(count) }));
            process.exit(0);
          }
          fill();
        });
        sent += 1;
      }
    };
    fill();
  });
});
