/**
 * Autenticação de segurança para o WebSocket da Flash API.
 * O cliente deve autenticar em até 1 minuto (ou o tempo definido em AUTH_TIMEOUT no .env) enviando uma mensagem { type: "auth", secret: string, modo: string }.
 * A não autenticação dentro do prazo resulta na desconexão automática do WebSocket.
 */

const WebSocket = require('ws');
require('dotenv').config();

const Websocket = process.env.BASE.replace('http', 'ws')
const modo = 'client' // global/client
const secret = process.env.KEY //GLOBAL_WEBSOCKET_SECRET ou apikey da instacia

/*
 * Define o secret para autenticação WebSocket com base no modo:
 * - 'global': Usa o GLOBAL_WEBSOCKET_SECRET do arquivo .env.
 * - 'client': Usa a apiKey da instância do cliente.
 */

function connectWebSocket() {
    const ws = new WebSocket(Websocket);


    ws.onopen = () => {
        console.log('Conectado ao WebSocket');

        // Implementar autenticação segura via WebSocket
        ws.send(JSON.stringify({
            type: 'auth',
            secret,
            modo,
            events: [
                "presence_update",
                "qr_updated",
                "session_disconnected",
                "session_connected",
                "message_received",
                "message_update",
                "presence_update"
            ]
        }));


        // Inicia o intervalo de ping
        setInterval(() => {
            ws.send(JSON.stringify({
                type: 'ping'
            }));
        }, 60000);
    };

    ws.onmessage = (event) => {

        const data = JSON.parse(event.data)
        if (data.type) {
            switch (data.type) {

                //evento de error
                case "error":
                    console.log('Mensagem de erro do websocket: ')
                    console.log(data.message)
                    break;

                //Boas vindas do websocket
                case "welcome":
                    console.log('Você está conectado no websocket da Flash Api:')
                    console.log('   Mensagem: ', data.message)
                    console.log('   Cliente ID: ', data.clientId)
                    break;

                //Autenticação com o websocket com sucesso
                case "auth_success":
                    console.log(`${data.message}: `)
                    console.log('   Cliente ID: ', data.clientId)
                    console.log('   Eventos: ', data.events)
                    break;

                //Verificação de ping
                case "pong":
                    console.log('Verificação de conexão')
                    console.log('   timestamp: ', data.timestamp)
                    console.log('   Cliente ID: ', data.clientId)
                    break;

                //Verificação de ping
                case "event":
                    if(data.event == 'message_received'){
                        console.log('mensagem recebida: ', data)
                    }
                   break;
            }
        }

        
    }

    ws.onclose = (event) => {
        console.log(`Conexão fechada. Código: ${event.code}, Motivo: ${event.reason}`);
    }

}
connectWebSocket();
