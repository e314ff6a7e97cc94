const axios = require('axios');

const data = {
  nome_sessao: 'minha-sessao',
  numero: '5521999999999',
  criar_sessao: true,
  gerar_qrcode: true
};

axios.post(process.env.BASE + '/api/session/create_sessao', data, {
  headers: {
    'Content-Type': 'application/json',
    'apikey': process.env.KEY
  }
})
.then(response => {
 const res = response.data;

  if(res.success){
      console.log('✅ Sessão criada com sucesso!');
      console.log('Name Sessão: ', res.dados.name)
      console.log('Apikey: ', res.dados.apikey)
      console.log('Qrcode: ', res.dados.qrcode)
      console.log('Dados: ', res.dados)

  }else{
         console.log('❌ Error ao criar Sessão!');
  }
})
.catch(error => {
  console.error('❌ Erro ao criar sessão:');
  console.error(error.response?.data || error.message);
});

